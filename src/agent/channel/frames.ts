import type { Writable } from 'node:stream'
import { VerificationError } from '../../base/errors.ts'
import type { ByteSource } from '../../base/streams.ts'

/**
 * Frames of the task channel: one byte kind, four bytes stream id, four bytes length (big-endian), then the payload. The same frames travel
 * from step to agent, and from agent to worker.
 */
export const frameKinds = {
  /** JSON `{op, args}`: asks the other side for something; its body follows as `data`. */
  open: 1,
  /** Bytes of a body. */
  data: 2,
  /** End of a body. */
  end: 3,
  /** JSON: the answer; its body follows as `data`. */
  reply: 4,
  /** JSON error record in place of an answer, or in the middle of a body. */
  fail: 5,
  /** Four bytes: so many bytes of this stream's body were consumed and may be sent again. */
  credit: 6,
  /** JSON on stream 0: a log line, progress, a secret to mask. */
  note: 7,
} as const
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds]

export interface Frame {
  kind: FrameKind
  stream: number
  payload: Buffer
}

const headerBytes = 9
/** Largest payload of one frame. */
export const frameLimit = 4 << 20
/** Largest piece of a body in one frame. */
export const pieceBytes = 128 << 10
/** A payload up to this size goes out in one piece with its header; a larger one is not copied. */
const copied = 4096
/** Chunks that wait for the end of their frame. */
const mostChunks = 1024

const known = new Set<number>(Object.values(frameKinds))

function isKind(value: number): value is FrameKind {
  return known.has(value)
}

export function frameBytes(kind: FrameKind, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + payload.length)
  bytes.writeUInt8(kind, 0)
  bytes.writeUInt32BE(stream, 1)
  bytes.writeUInt32BE(payload.length, 5)
  bytes.set(payload, headerBytes)
  return bytes
}

/**
 * Writes one frame.
 *
 * @param written called when it is handed to the system, or with the reason why not
 * @returns false when the writer should wait for `drain`
 */
export function writeFrame(
  to: Writable,
  { kind, stream, payload }: { kind: FrameKind; stream: number; payload: Uint8Array },
  written?: (error?: Error | null) => void,
): boolean {
  if (payload.length <= copied) return to.write(frameBytes(kind, stream, payload), written)
  const header = frameBytes(kind, stream, Buffer.alloc(0))
  header.writeUInt32BE(payload.length, 5)
  to.cork()
  to.write(header)
  const more = to.write(payload, written)
  to.uncork()
  return more
}

/**
 * Reads frames until the source ends at a frame's border.
 *
 * @throws VerificationError `format-invalid` for an unknown kind, a frame over the limit, or an end inside a frame
 */
export async function* readFrames(source: ByteSource): AsyncGenerator<Frame> {
  // Chunks are put together when a frame is whole, so that each byte is copied once at most.
  let chunks: Buffer[] = []
  let held = 0
  for await (const chunk of source) {
    chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
    held += chunk.length
    while (held >= headerBytes) {
      let head = together(chunks, headerBytes)
      const length = head.readUInt32BE(5)
      const kind = head.readUInt8(0)
      if (length > frameLimit) throw broken(`a frame of ${length} bytes is larger than ${frameLimit}`)
      if (!isKind(kind)) throw broken(`${kind} is not a kind of frame`)
      if (held < headerBytes + length) {
        // Many small chunks cost more than their bytes.
        if (chunks.length > mostChunks) together(chunks, headerBytes + length)
        break
      }
      head = together(chunks, headerBytes + length)
      yield { kind, stream: head.readUInt32BE(1), payload: head.subarray(headerBytes, headerBytes + length) }
      const rest = head.subarray(headerBytes + length)
      chunks = rest.length === 0 ? [] : [rest]
      held = rest.length
    }
  }
  if (held > 0) throw broken('it ends inside a frame')
}

/** The first chunk, with all others behind it where it is shorter than is wanted. A frame never ends inside a first chunk that is not the only one. */
function together(chunks: Buffer[], wanted: number): Buffer {
  const [first = Buffer.alloc(0)] = chunks
  if (first.length >= wanted) return first
  const whole = Buffer.concat(chunks)
  chunks.splice(0, chunks.length, whole)
  return whole
}

function broken(why: string): VerificationError {
  return new VerificationError('format-invalid', `the task channel is broken: ${why}`, { subject: 'channel' })
}
