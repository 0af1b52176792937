import { zstdEngine } from './inflate-engine.ts'
import { zstdWindowLog } from './inflate-limits.ts'
import type { Decoder } from './inflate.ts'
import { zstdMagic, ZstdFrames, type Stretch } from './zstd-frames.ts'

/** Zstandard frames in a row (RFC 8878 §3), skippable ones left out: what zstd(1), pzstd and zstd:chunked write. */
export function zstdDecoder(): Decoder {
  const engine = zstdEngine(zstdWindowLog)
  const frames = new ZstdFrames()
  let input: Uint8Array = Buffer.alloc(0)
  let at = 0
  let stretch: Stretch | null = null

  /** Bytes of the stretch that the decoder takes; false while there is no room for what they give. */
  const decode = (current: Stretch, output: Uint8Array, from: number, end: number): number => {
    const { read, written } = engine.step(input, at, current.end, output, from, end)
    at += read
    const room = from + written < end
    if (at < current.end && room) throw new RangeError('a zstd frame ends before its last block')
    // Where there is room left, the decoder holds nothing back.
    if (at === current.end && room) stretch = null
    return written
  }

  return {
    give: (piece) => {
      input = piece
      at = 0
    },
    take: (output, from, end) => {
      let to = from
      while (to < end) {
        if (stretch === null) {
          if (at === input.length) break
          stretch = frames.next(input, at)
          if (stretch === null) {
            at = input.length
            break
          }
          if (stretch.kind === 'skip') {
            at = stretch.end
            stretch = null
            continue
          }
          if (stretch.begins) {
            at = stretch.start
            // Always taken whole: it gives no output.
            engine.step(zstdMagic, 0, zstdMagic.length, output, to, end)
          }
        }
        to += decode(stretch, output, to, end)
      }
      return to - from
    },
    end: () => {
      if (!frames.complete) throw new RangeError('unexpected end of file')
    },
    close: () => engine.close(),
  }
}
