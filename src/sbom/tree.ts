import { entryFinder, lazyEntries } from '../image/entries.ts'
import type { Entries, InventoryEntry } from '../image/types.ts'

/** Links followed for one path: Linux's own limit (MAXSYMLINKS). */
const mostLinks = 40

/** The tree of an inventory, which must not change. It is kept until {@link takeTree}: an image has tens of thousands of paths. */
export function treeOf(inventory: Entries): FileTree {
  const tree = trees.get(inventory) ?? new FileTree(inventory)
  trees.set(inventory, tree)
  return tree
}

/** As {@link treeOf}, for the last who needs it: its memory is free before the documents are written, which takes most. */
export function takeTree(inventory: Entries): FileTree {
  const tree = treeOf(inventory)
  trees.delete(inventory)
  return tree
}

const trees = new WeakMap<Entries, FileTree>()

/** The merged root file system by path, with symbolic links followed inside the root. */
export class FileTree {
  private readonly inventory: Entries
  private readonly find: (path: string) => InventoryEntry | undefined
  /** Real paths of folders that were asked for. */
  private readonly folders = new Map<string, string | null>([['', '']])

  constructor(inventory: Entries) {
    this.inventory = inventory
    this.find = entryFinder(inventory)
  }

  /** The entry of exactly this path. */
  get(path: string): InventoryEntry | undefined {
    return this.find(path)
  }

  /** All entries, sorted by path. */
  all(): Iterable<InventoryEntry> {
    return lazyEntries(this.inventory)
  }

  /**
   * The real path of a name, after every symbolic link on the way: of folders, and of the last part unless `keepLast`.
   * Null where it leads nowhere or in a circle. `..` above the root stays at the root, as the kernel has it.
   */
  resolve(path: string, keepLast = false): string | null {
    return this.walk(path, keepLast, { links: 0 })
  }

  private walk(path: string, keepLast: boolean, budget: { links: number }): string | null {
    const clean = path.startsWith('/') || path.endsWith('/') ? path.replace(/^\/+|\/+$/g, '') : path
    if (clean === '' || clean === '.') return ''
    const slash = clean.lastIndexOf('/')
    const folder = slash === -1 ? '' : this.folder(clean.slice(0, slash), budget)
    if (folder === null) return null
    const name = clean.slice(slash + 1)
    if (name === '' || name === '.') return folder
    if (name === '..') return folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : ''
    const here = folder === '' ? name : `${folder}/${name}`
    const entry = this.find(here)
    if (entry === undefined) return null
    // The inventory's own text: whoever looks it up again finds it by its address, without hashing it once more.
    if (entry.type !== 'symlink' || keepLast) return entry.path
    if (++budget.links > mostLinks) return null
    const target = entry.link ?? ''
    return this.walk(target.startsWith('/') || folder === '' ? target : `${folder}/${target}`, false, budget)
  }

  private folder(path: string, budget: { links: number }): string | null {
    const known = this.folders.get(path)
    if (known !== undefined) return known
    const found = this.walk(path, false, budget)
    this.folders.set(path, found)
    return found
  }
}
