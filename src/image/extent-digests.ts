import { createHash, hash, type Hash } from 'node:crypto'
import type { Md5Lanes } from '../encoding/md5-lanes.ts'
import { besideLimit, cellsOf, digestBytes, flags, type ExtentMemory } from './extents.ts'
import { RingReader, RingWriter } from './ring.ts'
import type { ExtraDigest } from './types.ts'

/** Bytes of files whose MD5 waits: enough that the lanes beside the largest such file have work for as long. */
export const laneBytes = 4 * besideLimit
/** Pieces whose digests wait at most: those of all files come in order, behind the one whose MD5 waits. */
const mostWaiting = 64

/** The thread's end of {@link ExtentMemory}: hashes the files that lie in pieces of a layer. Blocks. */
export class ExtentDigests {
  private readonly extents: RingReader
  private readonly digests: RingWriter
  private readonly makeLanes: () => Md5Lanes | null
  /** What makes MD5 of many files at once; undefined until the first file asks for it, null where there is no such thing. */
  private lanes: Md5Lanes | null | undefined
  /** Of the file that goes on in the next piece. */
  private running: Running[] = []
  /** Digests for the reader, piece by piece, and how many of these are complete: of the others, MD5 is to come. */
  private readonly waiting: Buffer[] = []
  private complete = 0

  /** @param lanes gives the lanes of this thread, nobody else's while this is used; null where there are none */
  constructor(memory: ExtentMemory, lanes: () => Md5Lanes | null) {
    this.extents = new RingReader(memory.extents, 0)
    this.digests = new RingWriter(memory.digests)
    this.makeLanes = lanes
  }

  /** Hashes what the reader asks for in one piece. @returns false when the reader has stopped */
  take(piece: Buffer): boolean {
    const message = this.extents.next()
    if (typeof message === 'string') return false
    const cells = new Int32Array(message.buffer, message.byteOffset, message.length / 4)
    const extents = Array.from({ length: cells[0] ?? 0 }, (_, i) => {
      const [start = 0, length = 0, asked = 0] = cells.subarray(1 + cellsOf * i)
      return { bytes: piece.subarray(start, start + length), asked }
    })
    this.hash(extents)
    this.extents.giveBack()
    return this.complete === 0 || this.publish()
  }

  /** Publishes all that was asked for. @returns false when the reader has stopped */
  end(): boolean {
    this.runLanes()
    while (this.complete > 0) if (!this.publish()) return false
    this.digests.end()
    return true
  }

  /** Ends it where the work broke off: the reader waits no longer. */
  stop(): void {
    this.extents.stop()
    this.digests.stop()
  }

  private hash(extents: readonly Extent[]): void {
    const beside = extents.filter(({ asked }) => isBeside(asked))
    const bytes = beside.reduce((sum, one) => sum + one.bytes.length, 0)
    const isFull = beside.length > 0 && this.openLanes()?.fits(bytes, beside.length) === false
    // Between pieces, so that those before are complete.
    if (isFull || this.waiting.length - this.complete >= mostWaiting) this.runLanes()
    const found = Buffer.allocUnsafe(extents.reduce((sum, { asked }) => sum + resultBytes(asked), 0))
    let used = 0
    for (const extent of extents) {
      this.one(extent, found.subarray(used))
      used += resultBytes(extent.asked)
    }
    if (used > 0) this.waiting.push(found)
    if (this.lanes?.isEmpty !== false) this.complete = this.waiting.length
  }

  private openLanes(): Md5Lanes | null {
    if (this.lanes === undefined) {
      this.lanes = this.makeLanes()
      this.lanes?.clear()
    }
    return this.lanes
  }

  private runLanes(): void {
    this.lanes?.run()
    this.complete = this.waiting.length
  }

  /** Hands over as many digests as a message has room for. */
  private publish(): boolean {
    const room = this.digests.room()
    if (room === null) return false
    let used = 0
    for (const found of this.waiting.slice(0, this.complete)) {
      if (used + found.length > room.length) break
      used += found.copy(room, used)
      this.waiting.shift()
      this.complete--
    }
    this.digests.publish(used)
    return true
  }

  private one({ bytes, asked }: Extent, room: Buffer): void {
    const last = (asked & flags.last) !== 0
    if ((asked & flags.first) !== 0) {
      const lanes = isBeside(asked) ? this.lanes : null
      this.running = namesOf(asked).map((name) => {
        const isAside = name === 'md5' && lanes !== null && lanes !== undefined
        return { name, hash: isAside ? lanes : last ? null : createHash(name) }
      })
    }
    let at = 0
    for (const { name, hash: running } of this.running) {
      const place = last ? room.subarray(at, (at += digestBytes[name])) : null
      if (running === null) {
        if (place !== null) hash(name, bytes, 'buffer').copy(place)
      } else if ('put' in running) running.put(bytes, place)
      else {
        running.update(bytes)
        if (place !== null) running.digest().copy(place)
      }
    }
  }
}

interface Extent {
  bytes: Buffer
  asked: number
}

/** One digest of a file; without a hash where all of the file is at hand. */
interface Running {
  name: keyof typeof digestBytes
  hash: Hash | Md5Lanes | null
}

function isBeside(asked: number): boolean {
  const both = flags.md5 | flags.beside
  return (asked & both) === both
}

/** Bytes of the digests of a file that ends. */
function resultBytes(asked: number): number {
  if ((asked & flags.last) === 0) return 0
  return namesOf(asked).reduce((sum, name) => sum + digestBytes[name], 0)
}

function namesOf(asked: number): readonly (keyof typeof digestBytes)[] {
  return lists[(asked >> 2) & 3] ?? []
}
const extras: readonly (readonly ExtraDigest[])[] = [[], ['md5'], ['sha1'], ['md5', 'sha1']]
const lists = extras.map((extra) => ['sha256' as const, ...extra])
