import { createHash } from 'node:crypto'
import { InternalError, VerificationError, type ReasonCode } from '../base/errors.ts'
import type { Md5Lanes } from '../encoding/md5-lanes.ts'
import { cipherInto, type CipherJob } from './cipher-job.ts'
import { ExtentDigests } from './extent-digests.ts'
import type { ExtentMemory } from './extents.ts'
import { layerDecoder } from './inflate.ts'
import type { InflateLimits } from './inflate-limits.ts'
import { layerDigest, type LayerDigest } from './layer-digest.ts'
import { RingReader, RingWriter, type RingMemory } from './ring.ts'

/** Work of a thread. A structured clone carries it over. */
export type ThreadJob =
  | {
      readonly work: 'inflate'
      readonly kind: 'gzip' | 'zstd'
      readonly subject: string
      readonly limits: InflateLimits
      readonly input: RingMemory
      readonly output: RingMemory
    }
  | { readonly work: 'digest'; readonly input: RingMemory; readonly reader: number; readonly files: ExtentMemory }
  | CipherJob

/** What a thread says of its job when that has ended. */
export type ThreadAnswer =
  | { readonly end: 'done' }
  | { readonly end: 'digest'; readonly found: LayerDigest }
  /** The hash in hexadecimal, and the bytes that flowed. */
  | { readonly end: 'cipher'; readonly digest: string; readonly size: number }
  | { readonly end: 'refused'; readonly code: ReasonCode; readonly message: string; readonly details: Details }
  | { readonly end: 'broken'; readonly message: string }
interface Details {
  readonly subject: string | undefined
  readonly remedy: string | undefined
}

/** Does one job and blocks this thread meanwhile. It throws nothing. @param lanes memory of this thread for {@link ExtentDigests} */
export function doJob(job: ThreadJob, lanes: () => Md5Lanes | null): ThreadAnswer {
  try {
    if (job.work === 'cipher') return cipherInto(job)
    return job.work === 'inflate' ? inflateInto(job) : digestOf(job, lanes)
  } catch (error) {
    return answerOf(error)
  }
}

/** The error that an answer speaks of. */
export function errorOf(answer: ThreadAnswer): Error | null {
  if (answer.end === 'refused') return new VerificationError(answer.code, answer.message, answer.details)
  return answer.end === 'broken' ? new InternalError(answer.message) : null
}

function answerOf(error: unknown): ThreadAnswer {
  if (error instanceof VerificationError) {
    const { code, message, subject, remedy } = error
    return { end: 'refused', code, message, details: { subject, remedy } }
  }
  return { end: 'broken', message: `a thread failed: ${error instanceof Error ? error.message : String(error)}` }
}

function inflateInto(job: Extract<ThreadJob, { work: 'inflate' }>): ThreadAnswer {
  const input = new RingReader(job.input, 0)
  const output = new RingWriter(job.output)
  const decoder = layerDecoder(job.kind, job.subject, job.limits)
  try {
    let room = output.room()
    let at = 0
    for (;;) {
      const piece = input.next()
      if (piece === 'ended') break
      if (typeof piece === 'string') return { end: 'done' }
      decoder.give(piece)
      for (;;) {
        if (room === null) return { end: 'done' }
        at += decoder.take(room, at, room.length)
        if (at < room.length) break
        output.publish(at)
        room = output.room()
        at = 0
      }
      input.giveBack()
    }
    decoder.end()
    if (at > 0) output.publish(at)
    output.end()
    return { end: 'done' }
  } finally {
    // Does nothing after a good end.
    output.fail()
    input.stop()
    decoder.close()
  }
}

function digestOf(job: Extract<ThreadJob, { work: 'digest' }>, lanes: () => Md5Lanes | null): ThreadAnswer {
  const input = new RingReader(job.input, job.reader)
  const hash = createHash('sha256')
  const files = new ExtentDigests(job.files, lanes)
  let size = 0
  try {
    for (;;) {
      const piece = input.next()
      if (piece === 'ended') break
      if (typeof piece === 'string') return { end: 'done' }
      hash.update(piece)
      size += piece.length
      if (!files.take(piece)) return { end: 'done' }
      input.giveBack()
    }
    if (!files.end()) return { end: 'done' }
    return { end: 'digest', found: layerDigest(hash, size) }
  } finally {
    // Does nothing after a good end.
    input.stop()
    files.stop()
  }
}
