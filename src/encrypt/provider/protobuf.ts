import { InputError } from '../../base/errors.ts'

/** Both messages of the key provider protocol have one field, number 1, of bytes (ocicrypt `utils/keyprovider/keyprovider.proto`). */
const fieldKey = (1 << 3) | 2

/** Field 1 of a message; empty where it is missing. Unknown fields are skipped and the last value counts, as Protocol Buffers say. @throws InputError `input-invalid` */
export function readBytesField(message: Buffer): Buffer {
  let found: Buffer = Buffer.alloc(0)
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = message[at++]
      if (byte === undefined) throw malformed('ends early')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw malformed('has a number that is too long')
  }
  while (at < message.length) {
    const key = varint()
    const type = key & 7
    const size = type === 2 ? varint() : type === 1 ? 8 : type === 5 ? 4 : 0
    if (type === 0) varint()
    else if (size === 0 && type !== 2) throw malformed(`has a field of the type ${type}`)
    if (at + size > message.length) throw malformed('ends early')
    if (key === fieldKey) found = message.subarray(at, at + size)
    at += size
  }
  return found
}

/** A message with field 1. */
export function bytesFieldMessage(bytes: Uint8Array): Buffer {
  const size = [fieldKey]
  let left = bytes.length
  for (; left > 0x7f; left >>>= 7) size.push((left & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([...size, left]), bytes])
}

function malformed(why: string): InputError {
  return new InputError('input-invalid', `the message ${why}`, {
    subject: 'keyprovider',
    remedy: 'Send a KeyProviderKeyWrapProtocolInput.',
  })
}
