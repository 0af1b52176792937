import { InputError } from '../../base/errors.ts'
import { newFolder, type FsNode, type StageFs } from './stage-fs.ts'

/** What one instruction changes: it is applied to the stage at once and becomes a layer later. */
export class LayerDraft {
  readonly fs: StageFs
  readonly nodes = new Map<string, FsNode>()
  readonly #epoch: number
  readonly #where: string

  /** @param where `line N of FILE`, for messages */
  constructor(fs: StageFs, epoch: number, where: string) {
    this.fs = fs
    this.#epoch = epoch
    this.#where = where
  }

  /** Puts a node at a path whose folder exists and is no symlink. */
  place(path: string, node: FsNode): void {
    if (path.slice(path.lastIndexOf('/') + 1).startsWith('.wh.')) {
      throw this.error(`/${path} cannot be in an image: layers use names that begin with .wh. for removed files`)
    }
    const old = this.fs.get(path)
    // What lay below a replaced folder is gone from this layer as well.
    if (old?.type === 'dir' && node.type !== 'dir') {
      for (const key of this.nodes.keys()) if (key.startsWith(`${path}/`)) this.nodes.delete(key)
    }
    this.fs.set(path, node)
    this.nodes.set(path, node)
  }

  /**
   * Makes a folder with all above it, where they are missing.
   *
   * @returns its path with symlinks resolved
   */
  ensureFolder(path: string, owner: { uid: number; gid: number } | null): string {
    const full = this.fs.resolve(path, true)
    const parts = full === '' ? [] : full.split('/')
    for (let i = 1; i <= parts.length; i++) {
      const folder = parts.slice(0, i).join('/')
      const node = this.fs.get(folder)
      if (node === undefined) this.place(folder, { ...newFolder(this.#epoch), ...owner })
      else if (node.type !== 'dir') throw this.error(`/${folder} is no folder`)
    }
    return full
  }

  error(why: string): InputError {
    return new InputError('file-invalid', `${this.#where}: ${why}`, { subject: this.#where })
  }
}
