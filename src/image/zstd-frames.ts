import { WindowError, zstdWindowLog } from './inflate-limits.ts'

/** Magic number of a frame (RFC 8878 §3.1.1), as bytes. */
export const zstdMagic: Buffer = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
const frameMagic = 0xfd2fb528
/** Skippable frames have any of sixteen magic numbers (RFC 8878 §3.1.2). */
const skippableMagic = 0x184d2a50

/** A stretch of a piece that belongs to one frame. */
export interface Stretch {
  /** `data` is for the decoder, after the magic number where `begins` is set; `skip` belongs to nobody. */
  kind: 'data' | 'skip'
  /** Where it lies in the piece. */
  start: number
  end: number
  begins: boolean
  /** The frame ends here. */
  ends: boolean
}

type Field = 'magic' | 'skipSize' | 'descriptor' | 'header' | 'block' | 'checksum'

/**
 * Finds where frames begin and end by their headers and those of their blocks (RFC 8878 §3.1), without decoding anything. Node 24's decoder
 * does not say it.
 */
export class ZstdFrames {
  private field: Field = 'magic'
  private readonly bytes = Buffer.alloc(16)
  private have = 0
  private need = 4
  /** Bytes of a block or of a skippable frame that pass without being looked at. */
  private left = 0
  private skipping = false
  private lastBlock = false
  private checksum = false
  private begins = false
  private frames = 0
  /** Of the frame header: no window of its own, and bytes of the content's size. */
  private single = false
  private sizeBytes = 0

  /** The next stretch of a piece from `at` on; null where a magic number or a skippable frame's size is not complete yet. */
  next(piece: Uint8Array, at: number): Stretch | null {
    if (!this.skipping && (this.field === 'magic' || this.field === 'skipSize')) {
      const after = this.outside(piece, at)
      if (after === null) return null
      at = after
    }
    return this.skipping ? this.skipped(piece, at) : this.inside(piece, at)
  }

  /** Whether the source may end here: after a frame, of which at least one has data. */
  get complete(): boolean {
    return this.field === 'magic' && this.have === 0 && this.frames > 0
  }

  /** Reads a magic number and what follows it until the kind of the frame is known; returns where its content begins. */
  private outside(piece: Uint8Array, at: number): number | null {
    for (;;) {
      at = this.collect(piece, at)
      if (this.have < this.need) return null
      const value = this.bytes.readUInt32LE(0)
      if (this.field === 'skipSize') {
        this.left = value
        this.skipping = true
        return at
      }
      if (value === frameMagic) {
        this.expect('descriptor', 1)
        this.begins = true
        this.frames++
        return at
      }
      if ((value & 0xfffffff0) !== skippableMagic) throw new RangeError(this.strange())
      if (this.frames === 0)
        throw new RangeError('it begins with a skippable frame, which some container engines do not read')
      this.expect('skipSize', 4)
    }
  }

  private skipped(piece: Uint8Array, at: number): Stretch {
    const end = Math.min(piece.length, at + this.left)
    this.left -= end - at
    const ends = this.left === 0
    if (ends) {
      this.skipping = false
      this.expect('magic', 4)
    }
    return { kind: 'skip', start: at, end, begins: false, ends }
  }

  private inside(piece: Uint8Array, at: number): Stretch {
    const start = at
    let ends = false
    while (at < piece.length && !ends) {
      if (this.left > 0) {
        const part = Math.min(this.left, piece.length - at)
        this.left -= part
        at += part
        if (this.left === 0) ends = this.blockOver()
        continue
      }
      at = this.collect(piece, at)
      if (this.have === this.need) ends = this.fieldOver()
    }
    const begins = this.begins
    this.begins = false
    return { kind: 'data', start, end: at, begins, ends }
  }

  /** @returns whether the frame ends */
  private fieldOver(): boolean {
    switch (this.field) {
      case 'descriptor':
        return this.descriptor()
      case 'header':
        this.checkWindow()
        this.expect('block', 3)
        return false
      case 'block':
        return this.block()
      default:
        // The decoder compares the checksum.
        this.expect('magic', 4)
        return true
    }
  }

  /** RFC 8878 §3.1.1.1.1. */
  private descriptor(): boolean {
    const value = this.bytes[0] ?? 0
    if ((value & 8) !== 0) throw new RangeError('a zstd frame header has a reserved bit')
    const single = (value & 0x20) !== 0
    this.checksum = (value & 4) !== 0
    const dictionary = [0, 1, 2, 4][value & 3] ?? 0
    const size = [single ? 1 : 0, 2, 4, 8][value >> 6] ?? 0
    const length = (single ? 0 : 1) + dictionary + size
    this.single = single
    this.sizeBytes = size
    // A single segment states a size, else there is a window: a header is never empty.
    this.expect('header', length)
    return false
  }

  /** RFC 8878 §3.1.1.1.2: a frame without a window has one of the size of its content. */
  private checkWindow(): void {
    let window: number
    if (this.single) window = this.contentSize()
    else {
      const value = this.bytes[0] ?? 0
      const base = 2 ** (10 + (value >> 3))
      window = base + (base / 8) * (value & 7)
    }
    if (window > 2 ** zstdWindowLog) throw new WindowError(window)
  }

  private contentSize(): number {
    const at = this.need - this.sizeBytes
    switch (this.sizeBytes) {
      case 1:
        return this.bytes[at] ?? 0
      case 2:
        return this.bytes.readUInt16LE(at) + 256
      case 4:
        return this.bytes.readUInt32LE(at)
      default:
        return Number(this.bytes.readBigUInt64LE(at))
    }
  }

  /** RFC 8878 §3.1.1.2: a run-length block holds one byte, whatever its size says. */
  private block(): boolean {
    const value = this.bytes.readUIntLE(0, 3)
    const type = (value >> 1) & 3
    if (type === 3) throw new RangeError('a zstd block has a reserved type')
    this.lastBlock = (value & 1) !== 0
    this.left = type === 1 ? 1 : value >> 3
    this.expect('block', 3)
    return this.left === 0 ? this.blockOver() : false
  }

  private blockOver(): boolean {
    if (!this.lastBlock) return false
    this.lastBlock = false
    if (this.checksum) this.expect('checksum', 4)
    else this.expect('magic', 4)
    return !this.checksum
  }

  private expect(field: Field, need: number): void {
    this.field = field
    this.need = need
    this.have = 0
  }

  private collect(piece: Uint8Array, at: number): number {
    const part = Math.min(this.need - this.have, piece.length - at)
    for (let i = 0; i < part; i++) this.bytes[this.have++] = piece[at + i] ?? 0
    return at + part
  }

  private strange(): string {
    if (this.frames === 0) return 'it does not begin with a zstd frame'
    return this.bytes.readUInt32LE(0) === 0 ? 'zero bytes follow a zstd frame' : 'other data follows a zstd frame'
  }
}
