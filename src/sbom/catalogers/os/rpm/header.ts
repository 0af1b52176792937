import { createHash } from 'node:crypto'
import { nameOf } from '../../../../tar/names.ts'

/** Tags of rpm's headers that we read (rpm include/rpm/rpmtag.h). */
export const tags = {
  sha1Header: 269,
  sha256Header: 273,
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  vendor: 1011,
  licence: 1014,
  packager: 1015,
  url: 1020,
  arch: 1022,
  oldFileNames: 1027,
  fileStates: 1029,
  fileModes: 1030,
  fileDigests: 1035,
  fileFlags: 1037,
  sourceRpm: 1044,
  provides: 1047,
  requires: 1049,
  dirIndexes: 1116,
  baseNames: 1117,
  dirNames: 1118,
  digestAlgorithm: 5011,
  modularity: 5096,
} as const

const types = { int8: 2, int16: 3, int32: 4, string: 6, bin: 7, strings: 8, i18n: 9 } as const
const [regionImmutable, regionImage, mostEntries] = [63, 61, 65535]

interface Entry {
  type: number
  offset: number
  count: number
}

/** A header as rpm keeps it in its database: an index of tags, then their data; big-endian (rpm docs/manual/format_header.md). */
export class RpmHeader {
  private readonly data: Buffer
  private readonly entries = new Map<number, Entry>()

  /** @throws Error for lengths that do not fit, and for a digest of its own that does not hold */
  constructor(blob: Buffer) {
    if (blob.length < 8) throw new Error('has a header of less than 8 bytes')
    const [count, size] = [blob.readUInt32BE(0), blob.readUInt32BE(4)]
    if (count === 0 || count > mostEntries || 8 + 16 * count + size !== blob.length)
      throw new Error(`has a header of ${blob.length} bytes that says ${count} tags and ${size} bytes of data`)
    this.data = blob.subarray(8 + 16 * count)
    for (let at = 8; at < 8 + 16 * count; at += 16) {
      const [tag, type] = [blob.readUInt32BE(at), blob.readUInt32BE(at + 4)]
      const [offset, items] = [blob.readInt32BE(at + 8), blob.readUInt32BE(at + 12)]
      // The first entry may be the trailer of the signed region; its offset is checked below.
      if (tag >= 100 || tag === regionImmutable || tag === regionImage) {
        if (offset < 0 || offset > size || items > size) throw new Error(`has a header with a damaged tag ${tag}`)
        // What rpm added at installation comes last and counts over the package's own.
        this.entries.set(tag, { type, offset, count: items })
      }
    }
    this.checkDigests(blob)
  }

  /** A text; null where the tag is missing. */
  text(tag: number): string | null {
    const entry = this.entries.get(tag)
    if (entry === undefined) return null
    if (entry.type !== types.string && entry.type !== types.i18n) throw this.wrong(tag)
    return this.read(tag, entry.offset, 1).join()
  }

  /** A list of texts; empty where the tag is missing. */
  texts(tag: number): string[] {
    const entry = this.entries.get(tag)
    if (entry === undefined) return []
    if (entry.type !== types.strings) throw this.wrong(tag)
    return this.read(tag, entry.offset, entry.count)
  }

  /** A list of numbers of 8, 16 or 32 bits, without sign; empty where the tag is missing. */
  numbers(tag: number): number[] {
    const entry = this.entries.get(tag)
    if (entry === undefined) return []
    const { type, offset, count } = entry
    const width = type === types.int32 ? 4 : type === types.int16 ? 2 : type <= types.int8 && type > 0 ? 1 : 0
    if (width === 0 || offset + width * count > this.data.length) throw this.wrong(tag)
    return Array.from({ length: count }, (_, i) => this.data.readUIntBE(offset + width * i, width))
  }

  private read(tag: number, offset: number, count: number): string[] {
    const found: string[] = []
    for (let at = offset; found.length < count;) {
      const end = this.data.indexOf(0, at)
      if (end === -1) throw this.wrong(tag)
      const text = this.data.toString('utf8', at, end)
      // Names are bytes: those that are not UTF-8 are kept as such.
      found.push(text.includes('\uFFFD') ? nameOf(this.data.subarray(at, end)) : text)
      at = end + 1
    }
    return found
  }

  /** The package's own digest covers the part that rpm does not change at installation; rpm refuses a header where it does not hold. */
  private checkDigests(blob: Buffer): void {
    const region = this.entries.get(regionImmutable)
    if (region === undefined || region.type !== types.bin || region.count !== 16) return
    if (region.offset + 16 > this.data.length) throw this.wrong(regionImmutable)
    const count = -this.data.readInt32BE(region.offset + 8) / 16
    if (!Number.isInteger(count) || count < 1 || 8 + 16 * count > blob.length - this.data.length)
      throw this.wrong(regionImmutable)
    const size = region.offset + 16
    const head = Buffer.from(`8eade801${'0'.repeat(24)}`, 'hex')
    head.writeUInt32BE(count, 8)
    head.writeUInt32BE(size, 12)
    const parts = [head, blob.subarray(8, 8 + 16 * count), this.data.subarray(0, size)]
    for (const [tag, algorithm] of [
      [tags.sha256Header, 'sha256'],
      [tags.sha1Header, 'sha1'],
    ] as const) {
      const stated = this.text(tag)
      if (stated === null) continue
      const digest = createHash(algorithm)
      for (const part of parts) digest.update(part)
      if (digest.digest('hex') !== stated) throw new Error(`has a header whose own ${algorithm} digest does not hold`)
      return
    }
  }

  private wrong(tag: number): Error {
    return new Error(`has a header with a damaged tag ${tag}`)
  }
}
