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
export const pieceBytes = 64 << 10

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
 * Reads frames until the source ends at a frame's border.
 *
 * @throws VerificationError `format-invalid` for an unknown kind, a frame over the limit, or an end inside a frame
 */
export async function* readFrames(source: ByteSource): AsyncGenerator<Frame> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of source) {
    rest = rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([rest, chunk])
    for (;;) {
      if (rest.length < headerBytes) break
      const length = rest.readUInt32BE(5)
      const kind = rest.readUInt8(0)
      if (length > frameLimit) throw broken(`a frame of ${length} bytes is larger than ${frameLimit}`)
      if (!isKind(kind)) throw broken(`${kind} is not a kind of frame`)
      if (rest.length < headerBytes + length) break
      yield { kind, stream: rest.readUInt32BE(1), payload: rest.subarray(headerBytes, headerBytes + length) }
      rest = rest.subarray(headerBytes + length)
    }
  }
  if (rest.length > 0) throw broken('it ends inside a frame')
}

function broken(why: string): VerificationError {
  return new VerificationError('format-invalid', `the task channel is broken: ${why}`, { subject: 'channel' })
}
