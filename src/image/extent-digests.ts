import { createHash, hash, type Hash } from 'node:crypto'
import type { Md5Lanes } from '../encoding/md5-lanes.ts'
import { besideLimit, cellsOf, digestBytes, flags, type ExtentMemory } from './extents.ts'
import { RingReader, RingWriter } from './ring.ts'
import type { ExtraDigest } from './types.ts'

/** Bytes of files whose MD5 waits, in each thread: with the largest such file in one lane, the others still have work for a while. */
export const laneBytes = 3 * besideLimit
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
    this.hash(piece, new Int32Array(message.buffer, message.byteOffset, message.length / 4))
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

  private hash(piece: Buffer, cells: Int32Array): void {
    const end = 1 + cellsOf * (cells[0] ?? 0)
    let [results, beside, besideBytes] = [0, 0, 0]
    for (let cell = 1; cell < end; cell += cellsOf) {
      const asked = cells[cell + 2] ?? 0
      if ((asked & flags.last) !== 0) results += askedOf(asked).bytes
      if (!isBeside(asked)) continue
      beside++
      besideBytes += cells[cell + 1] ?? 0
    }
    const isFull = beside > 0 && this.openLanes()?.fits(besideBytes, beside) === false
    // Between pieces, so that those before are complete.
    if (isFull || this.waiting.length - this.complete >= mostWaiting) this.runLanes()
    const found = Buffer.allocUnsafe(results)
    let used = 0
    for (let cell = 1; cell < end; cell += cellsOf) {
      const start = cells[cell] ?? 0
      used = this.one(piece.subarray(start, start + (cells[cell + 1] ?? 0)), cells[cell + 2] ?? 0, found, used)
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

  /** @returns bytes of the room that are used */
  private one(bytes: Buffer, asked: number, room: Buffer, used: number): number {
    const lanes = isBeside(asked) ? (this.lanes ?? null) : null
    const { names } = askedOf(asked)
    const last = (asked & flags.last) !== 0
    let at = used
    if (last && (asked & flags.first) !== 0) {
      for (const name of names) {
        if (name === 'md5' && lanes !== null) lanes.put(bytes, room, at)
        else hash(name, bytes, 'buffer').copy(room, at)
        at += digestBytes[name]
      }
      return at
    }
    if ((asked & flags.first) !== 0)
      this.running = names.map((name) => ({ name, hash: name === 'md5' && lanes !== null ? lanes : createHash(name) }))
    for (const { name, hash: running } of this.running) {
      if ('put' in running) running.put(bytes, last ? room : null, at)
      else {
        running.update(bytes)
        if (last) running.digest().copy(room, at)
      }
      if (last) at += digestBytes[name]
    }
    return at
  }
}

/** One digest of a file that goes on. */
interface Running {
  name: keyof typeof digestBytes
  hash: Hash | Md5Lanes
}

function isBeside(asked: number): boolean {
  const both = flags.md5 | flags.beside
  return (asked & both) === both
}

/** Which digests are asked for, and the bytes of all of them. */
interface Asked {
  names: readonly (keyof typeof digestBytes)[]
  bytes: number
}

function askedOf(asked: number): Asked {
  return lists[(asked >> 2) & 3] ?? noDigests
}
const noDigests: Asked = { names: [], bytes: 0 }
const extras: readonly (readonly ExtraDigest[])[] = [[], ['md5'], ['sha1'], ['md5', 'sha1']]
const lists = extras.map((extra): Asked => {
  const names = ['sha256' as const, ...extra]
  return { names, bytes: names.reduce((sum, name) => sum + digestBytes[name], 0) }
})
