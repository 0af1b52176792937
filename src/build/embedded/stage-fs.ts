import { InputError } from '../../base/errors.ts'
import type { EntryType, Image } from '../../image/types.ts'
import type { Store } from '../../oci/types.ts'
import type { Content } from './content.ts'

/** An image that a stage starts from or copies from. */
export interface BaseImage {
  store: Store
  image: Image
}

/** A file that still lies in a layer of a base image and has not been read yet. */
export interface LayerContent {
  readonly base: BaseImage
  readonly layer: number
  /** Number of its entry in that layer. */
  readonly serial: number
}

export interface FsNode {
  type: Exclude<EntryType, 'hardlink'>
  mode: number
  uid: number
  gid: number
  size: number
  /** Seconds since 1970, already clamped. */
  mtime: number
  /** Target of a symlink. */
  link: string
  device: { major: number; minor: number } | null
  xattrs: Record<string, string>
  content: Content | LayerContent | null
  /** Nodes with the same number are one file with several names. */
  inode: number
}

/** As Linux. */
const maxLinks = 40

let inodes = 0
export function newInode(): number {
  return ++inodes
}

/** Folder that a copy makes on its way. */
export function newFolder(epoch: number): FsNode {
  return { ...bare('dir', 0o755, epoch), inode: newInode() }
}

export function bare(type: FsNode['type'], mode: number, mtime: number): Omit<FsNode, 'inode'> {
  return { type, mode, uid: 0, gid: 0, size: 0, mtime, link: '', device: null, xattrs: {}, content: null }
}

/**
 * Merged root file system of a build stage: names and attributes in memory, contents elsewhere. Paths are relative without
 * leading slash; the root is ''.
 */
export class StageFs {
  readonly #root: Branch = { node: { ...bare('dir', 0o755, 0), inode: 0 }, children: new Map() }

  get(path: string): FsNode | undefined {
    return this.#find(path)?.node
  }

  /** Names in a folder, sorted by UTF-8 bytes. */
  list(path: string): string[] {
    const names = [...(this.#find(path)?.children.keys() ?? [])]
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }

  /** Puts a node; its folder must exist. What is no folder any more loses its children. */
  set(path: string, node: FsNode): void {
    const slash = path.lastIndexOf('/')
    const parent = this.#find(slash < 0 ? '' : path.slice(0, slash))
    if (parent === undefined) throw new Error(`no folder for ${path}`)
    const name = path.slice(slash + 1)
    const old = parent.children.get(name)
    const children = node.type === 'dir' && old !== undefined ? old.children : new Map<string, Branch>()
    parent.children.set(name, { node, children })
  }

  /** Removes a path with everything below. */
  remove(path: string): void {
    const slash = path.lastIndexOf('/')
    this.#find(slash < 0 ? '' : path.slice(0, slash))?.children.delete(path.slice(slash + 1))
  }

  /** A later stage starts as a copy of an earlier one. */
  clone(): StageFs {
    const copy = new StageFs()
    const visit = (from: Branch, to: Branch): void => {
      for (const [name, child] of from.children) {
        const branch = { node: child.node, children: new Map<string, Branch>() }
        to.children.set(name, branch)
        visit(child, branch)
      }
    }
    visit(this.#root, copy.#root)
    return copy
  }

  /**
   * Follows symlinks as the kernel would with this tree as its root: `..` and absolute targets never leave it. The path need not exist.
   *
   * @param followLast also resolve the last part
   * @throws InputError `input-invalid` for a loop
   */
  resolve(path: string, followLast: boolean): string {
    let links = 0
    const todo = path.split('/')
    const done: string[] = []
    for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
      if (part === '' || part === '.') continue
      if (part === '..') {
        done.pop()
        continue
      }
      const node = this.get([...done, part].join('/'))
      if (node?.type !== 'symlink' || (!followLast && todo.every((rest) => rest === '' || rest === '.'))) {
        done.push(part)
        continue
      }
      if (++links > maxLinks) {
        throw new InputError('input-invalid', `/${path} runs through a loop of symlinks`, { subject: `/${path}` })
      }
      if (node.link.startsWith('/')) done.length = 0
      todo.unshift(...node.link.split('/'))
    }
    return done.join('/')
  }

  #find(path: string): Branch | undefined {
    let branch: Branch | undefined = this.#root
    if (path === '') return branch
    for (const part of path.split('/')) {
      branch = branch.children.get(part)
      if (branch === undefined) return undefined
    }
    return branch
  }
}

interface Branch {
  node: FsNode
  children: Map<string, Branch>
}
