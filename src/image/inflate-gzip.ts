import { crc32 } from 'node:zlib'
import { deflateEngine } from './inflate-engine.ts'
import { gzipHeaderLength } from './gzip-header.ts'
import type { Decoder } from './inflate.ts'

const trailerLength = 8

/**
 * Gzip members in a row (RFC 1952 §2.2), each with its checksum and length checked. What follows the last member must be another one: Go's
 * reader, and with it containerd and Docker, refuses zero bytes there.
 */
export function gzipDecoder(): Decoder {
  const engine = deflateEngine()
  let state: 'header' | 'body' | 'trailer' = 'header'
  let input: Uint8Array = Buffer.alloc(0)
  let at = 0
  /** Begin of a header or trailer that the piece before broke off. */
  let held: Buffer = Buffer.alloc(0)
  let members = 0
  let sum = 0
  let length = 0

  /** The next bytes of a header or trailer, those held included. */
  const ahead = (): Buffer => {
    const rest = Buffer.from(input.buffer, input.byteOffset + at, input.length - at)
    return held.length === 0 ? rest : Buffer.concat([held, rest])
  }
  const used = (count: number): void => {
    at += count - held.length
    held = Buffer.alloc(0)
  }
  const hold = (bytes: Buffer): void => {
    held = Buffer.from(bytes)
    at = input.length
  }

  const header = (): void => {
    const bytes = ahead()
    const found = gzipHeaderLength(bytes, members)
    if (found === null) return hold(bytes)
    used(found)
    state = 'body'
    sum = length = 0
  }
  const trailer = (): void => {
    const bytes = ahead()
    if (bytes.length < trailerLength) return hold(bytes)
    if (bytes.readUInt32LE(0) !== sum) throw new RangeError('the checksum of a gzip member is wrong')
    if (bytes.readUInt32LE(4) !== length % 2 ** 32) throw new RangeError('the length of a gzip member is wrong')
    used(trailerLength)
    engine.reset()
    members++
    state = 'header'
  }

  return {
    give: (piece) => {
      input = piece
      at = 0
    },
    take: (output, from, end) => {
      let to = from
      while (at < input.length && to < end) {
        if (state === 'header') header()
        else if (state === 'trailer') trailer()
        else {
          const { read, written } = engine.step(input, at, input.length, output, to, end)
          at += read
          if (written > 0) sum = crc32(output.subarray(to, to + written), sum)
          length += written
          to += written
          if (at < input.length && to < end) state = 'trailer'
        }
      }
      return to - from
    },
    end: () => {
      if (members === 0 || state !== 'header' || held.length > 0) throw new RangeError('unexpected end of file')
    },
    close: () => engine.close(),
  }
}
