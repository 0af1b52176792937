import type { RowList } from './row-list.ts'
import type { RowTable } from './row-table.ts'
import type { Row, Rows } from './rows.ts'
import type { ViewFolder } from './view-folders.ts'

/** What is to be sorted: the rows of a merged view. */
interface Sorting {
  readonly rows: Rows
  readonly table: RowTable
  /** The root's own row, or 0. */
  readonly root: Row
  /** Rows of layers, the root's own included. */
  readonly order: RowList
  /** Folders that no layer has an entry for. */
  readonly implied: readonly Row[]
  /** The root of all folders. */
  readonly top: ViewFolder
}

/** A folder whose rows are being put out. */
interface OpenFolder {
  /** Twice a row, and one more where what lies in that folder is meant. */
  readonly items: readonly number[]
  readonly folders: ReadonlyMap<Row, ViewFolder>
  at: number
}

/**
 * Rows in the order of their whole paths' bytes. Folder by folder, since a path is compared name by name: but what lies in a folder `a` comes
 * behind a sibling `a-b`, because its paths begin with `a/`.
 */
export function sortRows({ rows, table, root, order, implied, top }: Sorting): Uint32Array {
  const sorted = new Uint32Array(order.length + implied.length)
  const heads = chainByFolder(rows, order, implied)
  let count = 0
  if (root !== 0) sorted[count++] = root
  const open = [openFolder(rows, table, heads, top)]
  // Without recursion, since a path may have more than 2000 folders.
  for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
    const item = folder.items[folder.at++]
    if (item === undefined) open.pop()
    else if (item % 2 === 0) sorted[count++] = item / 2
    else {
      const below = folder.folders.get((item - 1) / 2)
      if (below !== undefined) open.push(openFolder(rows, table, heads, below))
    }
  }
  if (count !== sorted.length) throw new Error('a visible path lies in no visible folder')
  return sorted
}

/** Chains the rows of each folder, the last ones first. @returns the first row of each folder, by its number */
function chainByFolder(rows: Rows, order: RowList, implied: readonly Row[]): Uint32Array {
  const heads = new Uint32Array(rows.places.end)
  const chain = (row: Row): void => {
    const place = rows.place(row)
    if (place === 0) return
    rows.setNext(row, heads[place] ?? 0)
    heads[place] = row
  }
  for (let i = 0; i < order.length; i++) chain(order.at(i))
  for (const row of implied) chain(row)
  return heads
}

function openFolder(rows: Rows, table: RowTable, heads: Uint32Array, view: ViewFolder): OpenFolder {
  const items: number[] = []
  for (let row = heads[view.number] ?? 0; row !== 0; row = rows.next(row)) items.push(2 * row)
  // Archives are mostly sorted: then this is the order already.
  items.reverse()
  const folders = new Map<Row, ViewFolder>()
  for (const below of view.folders?.values() ?? []) {
    const row = table.find(view.number, rows.key(below.path))
    if (row === 0 || rows.type(row) !== 'dir') continue
    folders.set(row, below)
    items.push(2 * row + 1)
  }
  items.sort((a, b) => rows.compare(a >> 1, a % 2 === 1, b >> 1, b % 2 === 1))
  return { items, folders, at: 0 }
}
