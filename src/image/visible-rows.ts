import { parentOf } from '../tar/paths.ts'
import { RowList } from './row-list.ts'
import { RowTable } from './row-table.ts'
import { marks, type Row, type Rows } from './rows.ts'
import type { ViewFolder } from './view-folders.ts'

/** The rows that are seen in a merged view, by path. */
export class VisibleRows {
  readonly rows: Rows
  readonly table: RowTable
  /** All of them, as they were put in. */
  readonly order = new RowList()
  root: Row = 0

  constructor(rows: Rows) {
    this.rows = rows
    this.table = new RowTable(rows)
  }

  /** The row of a path in a folder, or 0. */
  at({ number }: ViewFolder, path: string): Row {
    return this.table.find(number, this.rows.key(path))
  }

  /** The row of any path, or 0. */
  find(path: string): Row {
    return findRow(this.rows, this.table, this.root, path)
  }

  /** Puts a row of a folder in, unless one with its name is there. */
  offer({ number }: ViewFolder, row: Row): void {
    if (this.table.offer(number, this.rows.keyOf(row), row)) this.add(row)
  }

  set({ number }: ViewFolder, path: string, row: Row): void {
    this.table.set(number, this.rows.key(path), row)
    this.add(row)
  }

  setRoot(row: Row): void {
    this.root = row
    this.add(row)
  }

  private add(row: Row): void {
    this.rows.mark(row, marks.visible)
    this.order.push(row)
  }
}

/** The row of a path in a table, or 0. @param root that of the root itself */
export function findRow(rows: Rows, table: RowTable, root: Row, path: string): Row {
  if (path === '.') return root
  const place = rows.places.find(parentOf(path))
  return place === 0 ? 0 : table.find(place, rows.key(path))
}
