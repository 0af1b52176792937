import { sortRows } from './row-order.ts'
import type { RowTable } from './row-table.ts'
import type { RowList } from './row-list.ts'
import { marks, type Row, type Rows } from './rows.ts'
import type { EntryType, InventoryEntry } from './types.ts'
import type { ViewFolder } from './view-folders.ts'
import { findRow } from './visible-rows.ts'

/**
 * The merged root file system of an image, sorted by path (UTF-8 byte order). Entries are made when they are asked for: as objects, those of
 * millions of files take more memory than there is.
 */
export class MergedInventory implements Iterable<InventoryEntry> {
  readonly rows: Rows
  private readonly table: RowTable
  private readonly root: Row
  private readonly order: RowList
  private readonly sorted: Uint32Array
  /** Paths that were made, of an inventory that is not too large for that. */
  private readonly paths: string[] | null

  constructor(
    rows: Rows,
    table: RowTable,
    { root, order, implied, top }: { root: Row; order: RowList; implied: readonly Row[]; top: ViewFolder },
  ) {
    this.rows = rows
    this.table = table
    this.order = order
    this.sorted = sortRows({ rows, table, root, order, implied, top })
    this.root = root
    this.paths = this.sorted.length > mostPaths ? null : []
  }

  get length(): number {
    return this.sorted.length
  }

  *[Symbol.iterator](): Generator<InventoryEntry> {
    for (let i = 0; i < this.sorted.length; i++) yield this.rows.entry(this.sorted[i] ?? 0, this.path(i))
  }

  /** All entries, with members that are made when they are read. */
  *lazy(): Generator<InventoryEntry> {
    for (let i = 0; i < this.sorted.length; i++) yield this.lazyEntry(i)
  }

  /** The entries of one type. */
  *ofType(type: EntryType): Generator<InventoryEntry> {
    for (let i = 0; i < this.sorted.length; i++) {
      if (this.rows.type(this.sorted[i] ?? 0) === type) yield this.lazyEntry(i)
    }
  }

  /** Entries from the last to the first. */
  *reversed(): Generator<InventoryEntry> {
    for (let i = this.sorted.length - 1; i >= 0; i--) yield this.rows.entry(this.sorted[i] ?? 0, this.path(i))
  }

  /** The entry of exactly this path. */
  get(path: string): InventoryEntry | undefined {
    const row = this.find(path)
    return row === 0 ? undefined : new RowEntry(this.rows, row, path)
  }

  /** The row that layers have for a path; 0 where they have none, or where the folder is implied by what lies in it. */
  layerRow(path: string): Row {
    const row = this.find(path)
    return this.rows.is(row, marks.implied) ? 0 : row
  }

  /** The rows that layers have, in the order in which they became visible. */
  layerRows(): RowList {
    return this.order
  }

  private lazyEntry(index: number): InventoryEntry {
    return new RowEntry(this.rows, this.sorted[index] ?? 0, this.paths === null ? null : this.path(index))
  }

  private path(index: number): string {
    const row = this.sorted[index] ?? 0
    return this.paths === null ? this.rows.path(row) : (this.paths[index] ??= this.rows.path(row))
  }

  private find(path: string): Row {
    return findRow(this.rows, this.table, this.root, path)
  }
}

/** Paths that are kept: 10 MB or so. */
const mostPaths = 1 << 17

/** An entry whose members are made when they are read. */
class RowEntry implements InventoryEntry {
  private readonly rows: Rows
  private readonly row: Row
  private readonly known: string | null

  /** @param known its path, where that is at hand */
  constructor(rows: Rows, row: Row, known: string | null) {
    this.rows = rows
    this.row = row
    this.known = known
  }

  get path(): string {
    return this.known ?? this.rows.path(this.row)
  }
  get type(): EntryType {
    return this.rows.type(this.row)
  }
  get mode(): number {
    return this.rows.mode(this.row)
  }
  get uid(): number {
    return this.rows.uid(this.row)
  }
  get gid(): number {
    return this.rows.gid(this.row)
  }
  get size(): number {
    return this.rows.size(this.content)
  }
  get sha256(): InventoryEntry['sha256'] {
    return this.rows.digest(this.content)
  }
  get link(): string | undefined {
    return this.rows.link(this.row) || undefined
  }
  get device(): string | undefined {
    return this.rows.device(this.row)
  }
  get xattrs(): InventoryEntry['xattrs'] {
    return this.rows.inventoryXattrs(this.row, this.content)
  }

  private get content(): Row {
    return this.rows.contentOf(this.row)
  }
}
