import { damaged } from '../damaged.ts'
import { isPageSize, type Wal } from './wal.ts'

/** A value of a row: bytes as they are stored, a number of up to 48 bits, or null for what we do not read. */
type Value = Buffer | number | null

/** Deepest tree: SQLite's own limit (BTCURSOR_MAX_DEPTH). */
const mostLevels = 20
const magic = 'SQLite format 3\0'

/** Tables of a SQLite database, read only, from its bytes (sqlite.org/fileformat2.html). Every page is used once at most. */
export class SqliteFile {
  private readonly bytes: Buffer
  private readonly wal: Wal | null
  private readonly path: string
  private readonly pageSize: number
  private readonly count: number
  private readonly usable: number
  private readonly used = new Set<number>()
  /** Root page of each table. */
  private readonly tables = new Map<string, number>()

  /** @throws VerificationError `format-invalid` for a file that is no database, or is cut */
  constructor(bytes: Buffer, wal: Wal | null, path: string) {
    this.bytes = bytes
    this.wal = wal
    this.path = path
    const first = wal?.pages.get(1) ?? bytes
    checkMagic(first, path)
    const size = first.readUInt16BE(16)
    this.pageSize = size === 1 ? 65536 : size
    if (!isPageSize(this.pageSize) || (wal !== null && wal.pageSize !== this.pageSize))
      throw damaged(path, `has pages of ${this.pageSize} bytes`)
    this.usable = this.pageSize - first.readUInt8(20)
    if (this.usable < 480) throw damaged(path, `has ${this.usable} usable bytes in a page`)
    // The count in the header holds only where its writer kept it (version-valid-for).
    const stated = first.readUInt32BE(24) === first.readUInt32BE(92) ? first.readUInt32BE(28) : 0
    this.count = wal === null || wal.count === 0 ? stated || Math.floor(bytes.length / this.pageSize) : wal.count
    if (wal === null && this.count * this.pageSize > bytes.length)
      throw damaged(path, `has ${bytes.length} bytes; its header says ${this.count} pages of ${this.pageSize} bytes`)
    for (const [type, name, , root] of this.tree(1))
      if (text(type) === 'table' && typeof root === 'number') this.tables.set(text(name), root)
  }

  has(table: string): boolean {
    return this.tables.has(table)
  }

  /** Rows of a table, in the order of their row ids; once only. @throws VerificationError where there is no such table, or a page is damaged */
  *rows(table: string): Generator<Value[]> {
    const root = this.tables.get(table)
    if (root === undefined) throw damaged(this.path, `has no table ${table}`)
    yield* this.tree(root)
  }

  private *tree(root: number): Generator<Value[]> {
    const open: { page: number; level: number }[] = [{ page: root, level: 0 }]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const page = this.page(next.page)
      const at = next.page === 1 ? 100 : 0
      const kind = page.readUInt8(at)
      if ((kind !== 5 && kind !== 13) || next.level > mostLevels) throw this.wrong(next.page)
      const cells = page.readUInt16BE(at + 3)
      const pointers = at + (kind === 5 ? 12 : 8)
      if (pointers + 2 * cells > this.usable) throw this.wrong(next.page)
      const starts = Array.from({ length: cells }, (_, i) => page.readUInt16BE(pointers + 2 * i))
      if (starts.some((start) => start < pointers + 2 * cells || start > this.usable - 4)) throw this.wrong(next.page)
      if (kind === 13) {
        for (const start of starts) yield this.record(this.payload(page, start, next.page), next.page)
        continue
      }
      const level = next.level + 1
      open.push({ page: page.readUInt32BE(at + 8), level })
      // The last of the stack comes first.
      for (const start of starts.reverse()) open.push({ page: page.readUInt32BE(start), level })
    }
  }

  private page(number: number): Buffer {
    if (number < 1 || number > this.count || this.used.has(number)) throw this.wrong(number)
    if (number !== 1) this.used.add(number)
    const page =
      this.wal?.pages.get(number) ?? this.bytes.subarray((number - 1) * this.pageSize, number * this.pageSize)
    if (page.length !== this.pageSize) throw this.wrong(number)
    return page
  }

  private payload(page: Buffer, start: number, number: number): Buffer {
    const [size, behind] = this.varint(page, start, number)
    const at = this.varint(page, behind, number)[1]
    const most = this.usable - 35
    const least = Math.floor(((this.usable - 12) * 32) / 255) - 23
    const spilled = least + ((size - least) % (this.usable - 4))
    const local = size <= most ? size : spilled <= most ? spilled : least
    if (at + local + (size > local ? 4 : 0) > this.usable || size > this.count * this.pageSize) throw this.wrong(number)
    const parts = [page.subarray(at, at + local)]
    let next = size > local ? page.readUInt32BE(at + local) : 0
    for (let left = size - local; left > 0; left -= this.usable - 4) {
      const overflow = this.page(next)
      parts.push(overflow.subarray(4, 4 + Math.min(left, this.usable - 4)))
      next = overflow.readUInt32BE(0)
    }
    return size === local ? page.subarray(at, at + local) : Buffer.concat(parts)
  }

  private record(payload: Buffer, number: number): Value[] {
    const [size, first] = this.varint(payload, 0, number)
    if (size > payload.length) throw this.wrong(number)
    const values: Value[] = []
    let [at, body] = [first, size]
    while (at < size) {
      const [type, behind] = this.varint(payload, at, number)
      at = behind
      const length = type >= 12 ? (type - (type % 2) - 12) / 2 : ([0, 1, 2, 3, 4, 6, 8, 8, 0, 0][type] ?? -1)
      if (length < 0 || body + length > payload.length) throw this.wrong(number)
      const bytes = payload.subarray(body, body + length)
      body += length
      const whole = type >= 1 && type <= 5
      values.push(type >= 12 ? bytes : whole ? bytes.readIntBE(0, length) : type === 8 ? 0 : type === 9 ? 1 : null)
    }
    return values
  }

  /** A number of up to 56 bits; sizes and types that are larger name nothing that we could hold. */
  private varint(bytes: Buffer, at: number, number: number): [value: number, behind: number] {
    let value = 0
    for (let i = 0; i < 8; i++) {
      const byte = bytes[at + i]
      if (byte === undefined) throw this.wrong(number)
      value = value * 128 + (byte & 127)
      if (byte < 128) return [value, at + i + 1]
    }
    throw this.wrong(number)
  }

  private wrong(page: number): Error {
    return damaged(this.path, `is damaged at page ${page}`)
  }
}

/** @throws VerificationError `format-invalid` where this is not the beginning of a database */
export function checkMagic(bytes: Buffer, path: string): void {
  if (bytes.length < 512 || bytes.toString('latin1', 0, 16) !== magic) throw damaged(path, 'is not an SQLite database')
}

function text(value: Value | undefined): string {
  return Buffer.isBuffer(value) ? value.toString('utf8') : ''
}
