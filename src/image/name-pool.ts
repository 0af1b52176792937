import { InternalError, VerificationError } from '../base/errors.ts'
import { keyedHash } from './keyed-hash.ts'
import { nameBytes, nameOf } from '../tar/names.ts'

/** A name as bytes, ready to be looked up: one at a time, in memory that is used again. */
export class NameKey {
  bytes: Buffer = Buffer.alloc(512)
  length = 0
  isAscii = true
  private path: string | null = null
  /** The last number that the name was hashed with, and what came of it. */
  private isHashed = false
  private hashedFirst = 0
  private hashedTo = 0

  /** Takes the last part of a path. */
  base(path: string): this {
    if (path === this.path) return this
    this.text(path, path.lastIndexOf('/') + 1)
    this.path = path
    return this
  }

  /** Takes bytes over. */
  copy(from: Uint8Array, start: number, length: number, isAscii: boolean): this {
    this.path = null
    this.isHashed = false
    if (length > this.bytes.length) this.bytes = Buffer.alloc(2 * length)
    copyBytes(from, start, this.bytes, 0, length)
    this.length = length
    this.isAscii = isAscii
    return this
  }

  /** Takes a text from one of its characters on. */
  text(text: string, start = 0): this {
    this.path = null
    this.isHashed = false
    const length = text.length - start
    if (length > this.bytes.length) this.bytes = Buffer.alloc(2 * length)
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(start + i)
      if (unit === 0 || unit > 0x7f) return this.other(text.slice(start))
      this.bytes[i] = unit
    }
    this.length = length
    this.isAscii = true
    return this
  }

  /** Hash of a number and the name. The layer and the view ask for the same ones in turn. */
  hash(first: number): number {
    if (this.isHashed && this.hashedFirst === first) return this.hashedTo
    this.isHashed = true
    this.hashedFirst = first
    this.hashedTo = keyedHash(first, this.bytes, 0, this.length)
    return this.hashedTo
  }

  private other(text: string): this {
    const bytes = nameBytes(text)
    if (bytes.length > this.bytes.length) this.bytes = Buffer.alloc(2 * bytes.length)
    bytes.copy(this.bytes)
    this.length = bytes.length
    this.isAscii = false
    return this
  }
}

/** Bytes of one piece of the pool; no name lies across two. */
const pieceBits = 18
const pieceSize = 1 << pieceBits
/** Two bytes before each name: its length, and whether it is not plain ASCII. */
const head = 2
const otherMark = 0x8000
const longest = 0x7fff

/** Names (and targets of links) as bytes one behind the other: an object of the engine for each would take three times as much. */
export class NamePool {
  private pieces: Buffer[] = []
  private top = 0

  /** Bytes that are taken. */
  get size(): number {
    return this.top
  }

  /** Puts a name in and gives its place. */
  put({ bytes, length, isAscii }: Pick<NameKey, 'bytes' | 'length' | 'isAscii'>): number {
    if (length > longest) throw new InternalError(`a name of ${length} bytes was not refused`)
    const piece = this.room(head + length)
    const at = this.top
    const start = at & (pieceSize - 1)
    piece[start] = length & 0xff
    piece[start + 1] = (length | (isAscii ? 0 : otherMark)) >> 8
    copyBytes(bytes, 0, piece, start + head, length)
    this.top += head + length
    return at
  }

  /** Takes a name over from another pool. */
  copy(from: NamePool, at: number): number {
    const size = from.bytesAt(at)
    const piece = this.room(size)
    const to = this.top
    const start = at & (pieceSize - 1)
    from.piece(at).copy(piece, to & (pieceSize - 1), start, start + size)
    this.top += size
    return to
  }

  /** Bytes that a name takes in the pool. */
  bytesAt(at: number): number {
    return head + (this.lengthAt(this.piece(at), at & (pieceSize - 1)) & longest)
  }

  text(at: number): string {
    const piece = this.piece(at)
    const start = (at & (pieceSize - 1)) + head
    const length = this.lengthAt(piece, start - head)
    if (length <= longest) return piece.toString('latin1', start, start + length)
    return nameOf(piece.subarray(start, start + (length & longest)))
  }

  /** Loads a name into a key. */
  load(at: number, key: NameKey): NameKey {
    const piece = this.piece(at)
    const start = (at & (pieceSize - 1)) + head
    const length = this.lengthAt(piece, start - head)
    return key.copy(piece, start, length & longest, length <= longest)
  }

  is(at: number, { bytes, length }: NameKey): boolean {
    const piece = this.piece(at)
    const start = (at & (pieceSize - 1)) + head
    if ((this.lengthAt(piece, start - head) & longest) !== length) return false
    for (let i = 0; i < length; i++) if (piece[start + i] !== bytes[i]) return false
    return true
  }

  /** A hash of a number and a name, as {@link NameKey.hash} has it. */
  hash(at: number, first: number): number {
    const piece = this.piece(at)
    const start = (at & (pieceSize - 1)) + head
    return keyedHash(first, piece, start, this.lengthAt(piece, start - head) & longest)
  }

  /** Orders two names by their bytes; `slash` stands for a slash behind the name. */
  compare(a: number, slashA: boolean, b: number, slashB: boolean): number {
    const [pieceA, pieceB] = [this.piece(a), this.piece(b)]
    const [startA, startB] = [(a & (pieceSize - 1)) + head, (b & (pieceSize - 1)) + head]
    const lengthA = this.lengthAt(pieceA, startA - head) & longest
    const lengthB = this.lengthAt(pieceB, startB - head) & longest
    const common = Math.min(lengthA, lengthB)
    for (let i = 0; i < common; i++) {
      const difference = (pieceA[startA + i] ?? 0) - (pieceB[startB + i] ?? 0)
      if (difference !== 0) return difference
    }
    const nextA = common < lengthA ? (pieceA[startA + common] ?? 0) : slashA ? slash : -1
    const nextB = common < lengthB ? (pieceB[startB + common] ?? 0) : slashB ? slash : -1
    return nextA - nextB
  }

  private lengthAt(piece: Buffer, start: number): number {
    return (piece[start] ?? 0) | ((piece[start + 1] ?? 0) << 8)
  }

  private piece(at: number): Buffer {
    // Not by shifting: a place has more than 31 bits in a large pool.
    return this.pieces[Math.floor(at / pieceSize)] ?? noPiece
  }

  /** The piece that takes so many bytes more. */
  private room(size: number): Buffer {
    if ((this.top & (pieceSize - 1)) + size > pieceSize) this.top = this.pieces.length * pieceSize
    const index = Math.floor(this.top / pieceSize)
    if (index === this.pieces.length) {
      if (this.top + pieceSize > largestPool)
        throw new VerificationError('format-invalid', 'the names of an image take more than 4 GiB', {
          subject: 'image',
        })
      this.pieces.push(Buffer.allocUnsafeSlow(pieceSize))
    }
    return this.pieces[index] ?? noPiece
  }
}
const slash = 0x2f
const noPiece = Buffer.alloc(0)
const largestPool = 2 ** 32

/** Names are so short that a call out of the engine takes longer. */
function copyBytes(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  for (let i = 0; i < length; i++) to[at + i] = from[start + i] ?? 0
}
