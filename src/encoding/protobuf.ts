import { InputError } from '../base/errors.ts'

const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const
/** A varint of 32 bits has at most five bytes. */
const mostBits = 35

/**
 * Length-delimited field of a Protocol Buffers message; empty where it is missing. Unknown fields are skipped and the last value counts, as Protocol
 * Buffers say.
 *
 * @param number of the field. @param name what the message is, for the error. @throws InputError `input-invalid`
 */
export function bytesField(message: Buffer, number: number, name: string): Buffer {
  let found: Buffer = Buffer.alloc(0)
  let at = 0
  const refuse = (why: string): InputError =>
    new InputError('input-invalid', `the message ${why}`, { subject: name, remedy: `Send a ${name}.` })
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < mostBits; shift += 7) {
      const byte = message[at++]
      if (byte === undefined) throw refuse('ends early')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw refuse('has a number that is too long')
  }
  while (at < message.length) {
    const key = varint()
    const type = key & 7
    const size = type === wire.bytes ? varint() : type === wire.fixed64 ? 8 : type === wire.fixed32 ? 4 : 0
    if (type === wire.varint) varint()
    else if (size === 0 && type !== wire.bytes) throw refuse(`has a field of the type ${type}`)
    if (at + size > message.length) throw refuse('ends early')
    if (key === number * 8 + wire.bytes) found = message.subarray(at, at + size)
    at += size
  }
  return found
}

/** One length-delimited field with its number: bytes, or text in UTF-8. */
export function fieldOf(number: number, value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([...varintOf(number * 8 + wire.bytes), ...varintOf(bytes.length)]), bytes])
}

function varintOf(value: number): number[] {
  const bytes: number[] = []
  let left = value
  for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80)
  return [...bytes, left]
}
