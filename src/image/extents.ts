import { makeRing, RingReader, RingWriter, type RingMemory } from './ring.ts'
import type { ExtraDigest } from './types.ts'

/**
 * Digests of the files of a layer, made in another thread from the pieces that the archive's reader has read. With each piece the reader says
 * where files lie in it, and the digests come back in the order in which files end.
 */
export interface ExtentMemory {
  /** One message for each piece of the layer: a cell with their number, then {@link cellsOf} an extent. */
  readonly extents: RingMemory
  /**
   * Digests of files, in the order in which these end; at most one message for each piece until the layer ends. Of a file one behind the other: SHA-256, then what else was
   * asked for, MD5 before SHA-1.
   */
  readonly digests: RingMemory
}

/** Start in its piece and length in bytes, and flags. */
export const cellsOf = 3
export const flags = { first: 1, last: 2, md5: 4, sha1: 8, beside: 16 } as const
export const digestBytes = { sha256: 32, md5: 16, sha1: 20 } as const

/**
 * Largest file in bytes whose MD5 waits for that of others, to be made beside them ({@link flags}.beside): a larger one would keep its lane
 * busy when all others are done.
 */
export const besideLimit = 4 << 20

/** @param pieces slots of the ring of the layer's pieces @param size bytes of each, at most */
export function makeExtentMemory(pieces: number, size: number): ExtentMemory {
  // Each file has a header block and at least one byte, in a block of its own.
  const most = size / 1024 + 2
  // The reader is never further ahead than the ring of pieces is long: neither side waits for room.
  return {
    extents: makeRing(pieces + 2, 4 * (1 + cellsOf * most), 1),
    digests: makeRing(pieces + 2, most * (digestBytes.sha256 + digestBytes.md5 + digestBytes.sha1), 1),
  }
}

/** Takes the digests of one file; `extra` has those that were asked for, raw. */
export type TakeDigests = (sha256: Buffer, extra: ReadonlyMap<ExtraDigest, Buffer>) => void

/** What a reader of a layer may ask for beside the bytes. */
export interface Extents {
  /**
   * Asks for the digests of the next file. Extents come in order and do not overlap, and none of their bytes lies in a piece before the one
   * that was read last.
   *
   * @param offset of the first byte in the layer @param size in bytes, at least 1
   */
  want(offset: number, size: number, extra: readonly ExtraDigest[], take: TakeDigests): void
}

/** The reader's end. */
export class ExtentQueue implements Extents {
  private readonly extents: RingWriter
  private readonly digests: RingReader
  private readonly draft: Int32Array
  private drafted = 0
  /** Where the piece at hand begins and ends in the layer. */
  private start = 0
  private end = 0
  /** The file that goes on in the next piece. */
  private rest: { at: number; end: number; flags: number } | null = null
  private readonly asked: { extra: readonly ExtraDigest[]; take: TakeDigests }[] = []
  private taken = 0

  constructor({ extents, digests }: ExtentMemory) {
    this.extents = new RingWriter(extents)
    this.digests = new RingReader(digests, 0)
    this.draft = new Int32Array(extents.data.byteLength / extents.slots / 4)
  }

  want(offset: number, size: number, extra: readonly ExtraDigest[], take: TakeDigests): void {
    const asks = (extra.includes('md5') ? flags.md5 : 0) | (extra.includes('sha1') ? flags.sha1 : 0)
    const beside = size <= besideLimit ? flags.beside : 0
    this.asked.push({ extra, take })
    this.rest = { at: offset, end: offset + size, flags: flags.first | asks | beside }
    this.write()
  }

  /** The next piece was taken over. */
  begin(length: number): void {
    this.start = this.end
    this.end += length
    this.write()
  }

  /** Nothing more is asked for in the piece at hand. */
  async publish(): Promise<void> {
    const room = await this.extents.roomLater()
    if (room === null) return
    this.draft[0] = this.drafted
    const bytes = 4 * (1 + cellsOf * this.drafted)
    room.set(new Uint8Array(this.draft.buffer, 0, bytes))
    this.drafted = 0
    this.extents.publish(bytes)
    this.takeReady()
  }

  /** Takes all digests; to be called once the last piece was published. */
  async finish(): Promise<void> {
    for (;;) {
      const message = await this.digests.nextLater()
      if (typeof message === 'string') return
      this.deliver(message)
    }
  }

  /** Takes the digests that are there. */
  private takeReady(): void {
    for (let message = this.digests.nextNow(); message !== undefined; message = this.digests.nextNow()) {
      if (typeof message === 'string') return
      this.deliver(message)
    }
  }

  private deliver(message: Buffer): void {
    const part = (at: number, name: keyof typeof digestBytes): Buffer => message.subarray(at, at + digestBytes[name])
    for (let at = 0; at < message.length;) {
      const { extra, take } = this.asked[this.taken++] ?? { extra: [], take: () => {} }
      const sha256 = part(at, 'sha256')
      at += digestBytes.sha256
      const more = new Map<ExtraDigest, Buffer>()
      for (const name of ['md5', 'sha1'] as const) {
        if (!extra.includes(name)) continue
        more.set(name, part(at, name))
        at += digestBytes[name]
      }
      take(sha256, more)
    }
    this.asked.splice(0, this.taken)
    this.taken = 0
    this.digests.giveBack()
  }

  private write(): void {
    const { rest } = this
    if (rest === null || rest.at >= this.end) return
    const to = Math.min(rest.end, this.end)
    const last = to === rest.end
    const cell = 1 + cellsOf * this.drafted++
    this.draft[cell] = rest.at - this.start
    this.draft[cell + 1] = to - rest.at
    this.draft[cell + 2] = rest.flags | (last ? flags.last : 0)
    this.rest = last ? null : { ...rest, at: to, flags: rest.flags & ~flags.first }
  }
}
