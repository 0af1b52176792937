import { damaged } from '../damaged.ts'
import { isPageSize } from './wal.ts'

const hashMagic = 0x061561
const pageHead = 26
const kinds = { free: 0, hashUnsorted: 2, overflow: 7, hashMeta: 8, hash: 13 } as const
const items = { inline: 1, offPage: 3 } as const

/** Headers in a Berkeley DB hash file (`Packages` up to rpm 4.16; libdb src/dbinc/db_page.h), in either byte order. */
export class HashFile {
  /** Entries by the file's own count, and those that were read; they differ where pages are lost. */
  readonly stated: number
  read = 0
  private readonly bytes: Buffer
  private readonly path: string
  private readonly big: boolean
  private readonly pageSize: number
  private readonly last: number
  private readonly used = new Set<number>()

  /** @throws VerificationError `format-invalid` for a file that is no such hash, or is cut */
  constructor(bytes: Buffer, path: string) {
    this.bytes = bytes
    this.path = path
    this.big = bytes.length >= 512 && bytes.readUInt32BE(12) === hashMagic
    if (bytes.length < 512 || this.u32(bytes, 12) !== hashMagic || bytes.readUInt8(25) !== kinds.hashMeta)
      throw damaged(path, 'is not a Berkeley DB hash')
    this.pageSize = this.u32(bytes, 20)
    this.last = this.u32(bytes, 32)
    this.stated = this.u32(bytes, 88)
    // Encryption, and checksums or partitions: rpm uses none of them.
    if (bytes.readUInt8(24) !== 0 || bytes.readUInt8(26) !== 0)
      throw damaged(path, 'has pages of a kind that rpm does not write')
    if (!isPageSize(this.pageSize)) throw damaged(path, `has pages of ${this.pageSize} bytes`)
    if ((this.last + 1) * this.pageSize > bytes.length)
      throw damaged(path, `has ${bytes.length} bytes; its header says ${this.last + 1} pages of ${this.pageSize} bytes`)
  }

  /** @throws VerificationError `format-invalid` for a damaged page */
  *headers(): Generator<Buffer> {
    for (let number = 1; number <= this.last; number++) {
      const page = this.page(number)
      const kind = page.readUInt8(25)
      if (kind === kinds.free || kind === kinds.overflow) continue
      if (kind !== kinds.hash && kind !== kinds.hashUnsorted) throw this.wrong(number)
      const count = this.u16(page, 20)
      if (count % 2 !== 0 || pageHead + 2 * count > this.pageSize) throw this.wrong(number)
      for (let i = 0; i < count; i += 2) {
        this.read++
        const key = this.item(page, i, number)
        // Number 0 holds the next free number instead of a package.
        if (key.length !== 5 || key.readUInt8(0) !== items.inline) throw this.wrong(number)
        if (this.u32(key, 1) !== 0) yield this.value(this.item(page, i + 1, number), number)
      }
    }
  }

  /** An item with its first byte, the kind. Items lie from the end of the page downwards. */
  private item(page: Buffer, index: number, number: number): Buffer {
    const start = this.u16(page, pageHead + 2 * index)
    const end = index === 0 ? this.pageSize : this.u16(page, pageHead + 2 * (index - 1))
    if (start < pageHead || end <= start || end > this.pageSize) throw this.wrong(number)
    return page.subarray(start, end)
  }

  private value(item: Buffer, number: number): Buffer {
    const kind = item.readUInt8(0)
    if (kind === items.inline) return item.subarray(1)
    if (kind !== items.offPage || item.length < 12) throw this.wrong(number)
    const [first, size] = [this.u32(item, 4), this.u32(item, 8)]
    if (size > this.bytes.length) throw this.wrong(number)
    const parts: Buffer[] = []
    let length = 0
    for (let next = first; next !== 0;) {
      if (next > this.last || this.used.has(next)) throw this.wrong(next)
      this.used.add(next)
      const page = this.page(next)
      const here = this.u16(page, 22)
      if (page.readUInt8(25) !== kinds.overflow || here > this.pageSize - pageHead) throw this.wrong(next)
      parts.push(page.subarray(pageHead, pageHead + here))
      length += here
      next = this.u32(page, 16)
    }
    if (length !== size) throw this.wrong(number)
    return Buffer.concat(parts)
  }

  private page(number: number): Buffer {
    return this.bytes.subarray(number * this.pageSize, (number + 1) * this.pageSize)
  }

  private u32(bytes: Buffer, at: number): number {
    return this.big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)
  }

  private u16(bytes: Buffer, at: number): number {
    return this.big ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at)
  }

  private wrong(page: number): Error {
    return damaged(this.path, `is damaged at page ${page}`)
  }
}
