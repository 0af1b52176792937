import { createHash, hash, type Hash } from 'node:crypto'
import type { digestBytes } from './extents.ts'
import { cellsOf, flags, type ExtentMemory } from './extents.ts'
import { RingReader, RingWriter } from './ring.ts'
import type { ExtraDigest } from './types.ts'

/** The thread's end of {@link ExtentMemory}: hashes the files that lie in pieces of a layer. Blocks. */
export class ExtentDigests {
  private readonly extents: RingReader
  private readonly digests: RingWriter
  /** Of the file that goes on in the next piece. */
  private running: Hash[] = []

  constructor(memory: ExtentMemory) {
    this.extents = new RingReader(memory.extents, 0)
    this.digests = new RingWriter(memory.digests)
  }

  /** Hashes what the reader asks for in one piece. @returns false when the reader has stopped */
  take(piece: Buffer): boolean {
    const message = this.extents.next()
    if (typeof message === 'string') return false
    const room = this.digests.room()
    if (room === null) return false
    const cells = new Int32Array(message.buffer, message.byteOffset, message.length / 4)
    let used = 0
    for (let i = 0; i < (cells[0] ?? 0); i++) {
      const cell = 1 + cellsOf * i
      const start = cells[cell] ?? 0
      used = this.one(piece.subarray(start, start + (cells[cell + 1] ?? 0)), cells[cell + 2] ?? 0, room, used)
    }
    this.extents.giveBack()
    if (used > 0) this.digests.publish(used)
    return true
  }

  end(): void {
    this.digests.end()
  }

  /** Ends it where the work broke off: the reader waits no longer. */
  stop(): void {
    this.extents.stop()
    this.digests.stop()
  }

  /** @returns bytes of the room that are used */
  private one(bytes: Buffer, asked: number, room: Buffer, used: number): number {
    let at = used
    const names = namesOf(asked)
    const last = (asked & flags.last) !== 0
    if ((asked & flags.first) !== 0) {
      if (last) {
        for (const name of names) at += hash(name, bytes, 'buffer').copy(room, at)
        return at
      }
      this.running = names.map((name) => createHash(name))
    }
    for (const running of this.running) running.update(bytes)
    if (last) for (const running of this.running) at += running.digest().copy(room, at)
    return at
  }
}

function namesOf(asked: number): readonly (keyof typeof digestBytes)[] {
  return lists[(asked >> 2) & 3] ?? []
}
const extras: readonly (readonly ExtraDigest[])[] = [[], ['md5'], ['sha1'], ['md5', 'sha1']]
const lists = extras.map((extra) => ['sha256' as const, ...extra])
