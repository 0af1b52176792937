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
  }

  get length(): number {
    return this.sorted.length
  }

  *[Symbol.iterator](): Generator<InventoryEntry> {
    for (const row of this.sorted) yield this.rows.entry(row)
  }

  /** All entries, with members that are made when they are read. */
  *lazy(): Generator<InventoryEntry> {
    for (const row of this.sorted) yield new RowEntry(this.rows, row)
  }

  /** The entries of one type. */
  *ofType(type: EntryType): Generator<InventoryEntry> {
    for (const row of this.sorted) if (this.rows.type(row) === type) yield new RowEntry(this.rows, row)
  }

  /** Entries from the last to the first. */
  *reversed(): Generator<InventoryEntry> {
    for (let i = this.sorted.length - 1; i >= 0; i--) yield this.rows.entry(this.sorted[i] ?? 0)
  }

  /** The entry of exactly this path. */
  get(path: string): InventoryEntry | undefined {
    const row = this.find(path)
    return row === 0 ? undefined : new RowEntry(this.rows, row)
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

  private find(path: string): Row {
    return findRow(this.rows, this.table, this.root, path)
  }
}

/** An entry whose members are made when they are read. */
class RowEntry implements InventoryEntry {
  private readonly rows: Rows
  private readonly row: Row

  constructor(rows: Rows, row: Row) {
    this.rows = rows
    this.row = row
  }

  get path(): string {
    return this.rows.path(this.row)
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
