/** What a write-ahead log of SQLite adds to its database (sqlite.org/fileformat2.html#the_write_ahead_log). */
export interface Wal {
  pageSize: number
  /** Pages of committed transactions, the last version of each. */
  pages: Map<number, Buffer>
  /** Pages of the whole database after the last of them. */
  count: number
  /** Behind them lies a transaction that was not finished, or was damaged: SQLite does not read it. */
  torn: boolean
}

/** Reads a log as SQLite recovers it: frames count up to the last commit whose checksums hold. Null: it holds nothing. */
export function readWal(bytes: Buffer): Wal | null {
  if (bytes.length < 32 || bytes.readUInt32BE(0) >>> 1 !== 0x377f0682 >>> 1) return null
  const big = (bytes.readUInt32BE(0) & 1) === 1
  const pageSize = bytes.readUInt32BE(8)
  if (!isPageSize(pageSize) || bytes.readUInt32BE(4) !== 3_007_000) return null
  let sum = checksum(bytes.subarray(0, 24), [0, 0], big)
  if (!holds(sum, bytes, 24)) return null
  const wal: Wal = { pageSize, pages: new Map(), count: 0, torn: false }
  let pending = new Map<number, Buffer>()
  for (let at = 32; at + 16 <= bytes.length; at += 24 + pageSize) {
    // Frames of an older log that was started anew lie behind the current ones.
    if (!bytes.subarray(at + 8, at + 16).equals(bytes.subarray(16, 24))) break
    wal.torn = true
    if (at + 24 + pageSize > bytes.length) break
    const page = bytes.subarray(at + 24, at + 24 + pageSize)
    sum = checksum(page, checksum(bytes.subarray(at, at + 8), sum, big), big)
    const number = bytes.readUInt32BE(at)
    if (number === 0 || !holds(sum, bytes, at + 16)) break
    pending.set(number, page)
    const count = bytes.readUInt32BE(at + 4)
    if (count === 0) continue
    for (const [key, value] of pending) wal.pages.set(key, value)
    pending = new Map()
    wal.count = count
    wal.torn = false
  }
  return wal.pages.size === 0 && !wal.torn ? null : wal
}

export function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65536 && (size & (size - 1)) === 0
}

type Sum = [number, number]

function checksum(bytes: Buffer, [first, second]: Sum, big: boolean): Sum {
  const read = (at: number): number => (big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at))
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    first = (first + read(at) + second) >>> 0
    second = (second + read(at + 4) + first) >>> 0
  }
  return [first, second]
}

function holds([first, second]: Sum, bytes: Buffer, at: number): boolean {
  return bytes.readUInt32BE(at) === first && bytes.readUInt32BE(at + 4) === second
}
