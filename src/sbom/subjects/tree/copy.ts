import { chmodSync, closeSync, fchmodSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs'
import { withPath } from '../../../base/errors.ts'
import { nameBytes } from '../../../tar/names.ts'
import { parentOf } from '../../../tar/paths.ts'
import type { InventoryEntry, TarHeader } from '../../../image/types.ts'
import { nativePath } from './native.ts'
import type { Tap } from './pass.ts'

/**
 * Writes the files of a tree into an empty folder while they flow by, readable for all: modes and owners are not kept. Symbolic links come
 * last, so that nothing is ever written through one. Pipes, sockets and devices are left out.
 */
export class TreeCopy implements Tap {
  private readonly root: string
  private readonly folders = new Set(['.'])
  private current: number | null = null

  /** @param root absolute; an empty folder of this process */
  constructor(root: string) {
    this.root = root
    chmodSync(root, 0o755)
  }

  open({ path, mode }: Pick<TarHeader, 'path' | 'mode'>): ReturnType<Tap['open']> {
    this.folder(parentOf(path))
    const native = nativePath(this.root, path)
    const file = openSync(native, 'wx')
    this.current = file
    return {
      update: (chunk) => {
        try {
          for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at)
        } catch (error) {
          throw withPath(error, native)
        }
      },
      end: () => {
        fchmodSync(file, (mode & 0o111) === 0 ? 0o644 : 0o755)
        this.close()
      },
    }
  }

  /** Closes a file whose content broke off. */
  close(): void {
    if (this.current !== null) closeSync(this.current)
    this.current = null
  }

  /** Makes the links of a tree whose files were written. */
  finish(inventory: readonly InventoryEntry[]): void {
    for (const { path, type, link } of inventory) {
      if (type !== 'symlink' || link === undefined) continue
      this.folder(parentOf(path))
      symlinkSync(nameBytes(link), nativePath(this.root, path))
    }
  }

  private folder(path: string): void {
    if (this.folders.has(path)) return
    this.folder(parentOf(path))
    const native = nativePath(this.root, path)
    mkdirSync(native)
    // Whatever the umask of this process is.
    chmodSync(native, 0o755)
    this.folders.add(path)
  }
}
