import { setImmediate } from 'node:timers/promises'
import { InternalError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import type { InflateLimits } from './inflate-limits.ts'
import { ExtentQueue, makeExtentMemory, type Extents } from './extents.ts'
import type { LayerDigest } from './layer-digest.ts'
import { clearRing, makeRing, RingReader, RingWriter, type RingMemory } from './ring.ts'
import { errorOf, type ThreadAnswer } from './thread-job.ts'
import type { Threads } from './threads.ts'

const input = { slots: 8, size: 256 * 1024 }
const output = { slots: 8, size: 512 * 1024 }
/** A piece of output stays valid while so many further ones are asked for: a tar extension header (1 MiB at most) may lie in several. */
const kept = 3

/** Bytes of a layer as they come out of a thread. */
export interface Aside {
  /** A piece is shared memory that is written over after three further pieces were asked for. */
  stream: ByteSource
  /** Digests of files, made beside the reading; they come until `result` has its answer. */
  files: Extents
  /** Valid once the stream has ended. */
  result(): Promise<LayerDigest>
  /** Lets everything go; the stream must not be read any more. */
  cancel(): Promise<void>
}

/**
 * Decompresses in one thread and hashes in another, the layer and the files in it; the caller's thread only copies what is compressed. Starts at once and fills the ring before anybody
 * reads. No more of a layer than two rings is in memory.
 *
 * @returns null where no thread can be started; nothing of the source was read then
 */
export async function inflateAside(
  kind: 'gzip' | 'zstd',
  subject: string,
  source: ByteSource,
  limits: InflateLimits,
  threads: Threads,
): Promise<Aside | null> {
  const [inflater, digester] = await Promise.all([threads.take(), threads.take()])
  if (inflater === null || digester === null) {
    for (const thread of [inflater, digester]) if (thread !== null) threads.give(thread)
    return null
  }
  const rings = threads.rings.pop() ?? {
    compressed: makeRing(input.slots, input.size, 1),
    plain: makeRing(output.slots, output.size, 2),
    files: makeExtentMemory(output.slots, output.size),
  }
  const { compressed, plain, files } = rings
  const all = [compressed, plain, files.extents, files.digests]
  const failure: Failure = { first: null }
  const stopAll = (): void => {
    for (const ring of all) new RingWriter(ring).stop()
  }
  const watch = (answer: Promise<ThreadAnswer>): Promise<ThreadAnswer | null> =>
    answer.catch((error: unknown) => {
      failure.first ??= error
      stopAll()
      return null
    })
  const inflated = watch(inflater.run({ work: 'inflate', kind, subject, limits, input: compressed, output: plain }))
  const digested = watch(digester.run({ work: 'digest', input: plain, reader: 1, files }))
  const pumped = pump(source, new RingWriter(compressed)).catch((error: unknown) => {
    failure.first ??= error
    // What was read before is decoded and read before the reader gets the error, as without threads.
    new RingWriter(compressed).fail()
  })
  let over: Promise<void> | null = null
  const release = async (): Promise<void> => {
    stopAll()
    await Promise.all([pumped, inflated, digested])
    for (const ring of all) clearRing(ring)
    threads.rings.push(rings)
  }
  const queue = new ExtentQueue(files)
  return {
    stream: pieces(plain, queue, failure, inflated, pumped),
    files: queue,
    result: async () => {
      await queue.finish()
      const answer = await digested
      if (answer?.end === 'digest') return answer.found
      throw failure.first ?? new InternalError('the digest of a layer was asked for before its end')
    },
    cancel: () => (over ??= release()),
  }
}

/** What broke first, the source or a thread. */
interface Failure {
  first: unknown
}

/** Copies the source into the ring until a side has enough. */
export async function pump(source: ByteSource, ring: RingWriter): Promise<void> {
  for await (const piece of source) {
    for (let at = 0; at < piece.length;) {
      const room = await ring.roomLater()
      if (room === null) return
      const part = piece.subarray(at, at + room.length)
      room.set(part)
      ring.publish(part.length)
      at += part.length
    }
  }
  ring.end()
}

async function* pieces(
  memory: RingMemory,
  queue: ExtentQueue,
  failure: Failure,
  inflated: Promise<ThreadAnswer | null>,
  pumped: Promise<void>,
): AsyncGenerator<Uint8Array> {
  const ring = new RingReader(memory, 0)
  for (;;) {
    ring.giveBack(kept)
    // Pieces that are here already would keep this thread from the source's input and from uploads, and soon the decoder from its own.
    await setImmediate()
    const found = ring.nextLater()
    const piece = Buffer.isBuffer(found) ? found : await found
    if (Buffer.isBuffer(piece)) {
      queue.begin(piece.length)
      yield piece
      await queue.publish()
      continue
    }
    const answer = await inflated
    const error = answer === null ? null : errorOf(answer)
    if (error !== null) throw error
    // The source's own end counts as well: its digest may be wrong.
    await pumped
    if (failure.first !== null) throw failure.first
    if (piece === 'ended') return
    throw new InternalError('the reading of a layer was stopped')
  }
}
