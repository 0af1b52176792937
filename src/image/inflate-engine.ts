import { constants, createInflateRaw, createZstdDecompress } from 'node:zlib'
import { InternalError } from '../base/errors.ts'

/** What one step of a decoder did. */
export interface Step {
  /** Bytes of input that it took. */
  read: number
  /** Bytes of output that it wrote. */
  written: number
}

/**
 * A decoder that writes into memory of its caller. Where it leaves input although there is room for output, its stream has ended.
 */
export interface Engine {
  /** The result is one object that the next step overwrites. @throws RangeError with the decoder's own words when the data is damaged */
  step(input: Uint8Array, from: number, to: number, output: Uint8Array, at: number, end: number): Step
  /** Makes it ready for the next stream. */
  reset(): void
  close(): void
}

interface Handle {
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void
  reset(): void
}

/** A raw deflate stream (RFC 1951). @throws InternalError when this Node has no such decoder */
export function deflateEngine(): Engine {
  return engineOf(createInflateRaw(), constants.Z_SYNC_FLUSH)
}

/** Zstandard frames (RFC 8878). @throws InternalError when this Node has no such decoder */
export function zstdEngine(windowLog: number): Engine {
  const params = { [constants.ZSTD_d_windowLogMax]: windowLog }
  return engineOf(createZstdDecompress({ params }), constants.ZSTD_e_continue)
}

/**
 * Node's streams put each piece of output into a new buffer: of a large layer these are gigabytes for the garbage collector, and Node 24's
 * zstd stream ends after the first frame (nodejs/node#64741). The object below the stream, which Node's own synchronous functions call in
 * this way, has neither fault.
 */
function engineOf(stream: { destroy(): unknown }, flush: number): Engine {
  const handle: unknown = Reflect.get(stream, '_handle')
  const state: unknown = Reflect.get(stream, '_writeState')
  if (!isHandle(handle) || !isState(state)) {
    throw new InternalError(`Node ${process.versions.node} has no decoder that Sealwright can use: run it with Node 24`)
  }
  let failure: string | null = null
  Reflect.set(handle, 'onerror', (message: string) => (failure = message))
  const step: Step = { read: 0, written: 0 }
  return {
    step: (input, from, to, output, at, end) => {
      handle.writeSync(flush, input, from, to - from, output, at, end - at)
      if (failure !== null) throw new RangeError(failure)
      step.written = end - at - (state[0] ?? 0)
      step.read = to - from - (state[1] ?? 0)
      return step
    },
    reset: () => handle.reset(),
    close: () => void stream.destroy(),
  }
}

function isHandle(value: unknown): value is Handle {
  if (typeof value !== 'object' || value === null) return false
  return ['writeSync', 'reset'].every((name) => typeof Reflect.get(value, name) === 'function')
}

/** Bytes left of output and input after a step. */
function isState(value: unknown): value is Uint32Array {
  return ArrayBuffer.isView(value) && value.byteLength === 8
}
