import { encodeFloat } from './float.ts'
import { CborFloat, CborSimple, CborTag, type CborInteger, type CborValue } from './types.ts'

const most = 2n ** 64n

/**
 * Encodes a value in the one deterministic form (RFC 8949 §4.2.1): shortest heads and floats, definite lengths, map keys in the bytewise order
 * of their encodings.
 *
 * @throws RangeError for an integer beyond 64 bits, a simple value that does not exist, or two equal keys in a map
 */
export function encodeCbor(value: CborValue): Buffer {
  const parts: Buffer[] = []
  write(value, parts)
  return Buffer.concat(parts)
}

function write(value: CborValue, parts: Buffer[]): void {
  switch (typeof value) {
    case 'number':
      // -0 is a float: as an integer it would lose its sign.
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) parts.push(integer(value))
      else parts.push(encodeFloat(value))
      return
    case 'bigint':
      parts.push(integer(value))
      return
    case 'string': {
      if (!value.isWellFormed()) throw new RangeError('CBOR text cannot hold half of a surrogate pair')
      const bytes = Buffer.from(value, 'utf8')
      parts.push(encodeHead(3, bytes.length), bytes)
      return
    }
    case 'boolean':
      parts.push(Buffer.from([value ? 0xf5 : 0xf4]))
      return
    case 'undefined':
      parts.push(Buffer.from([0xf7]))
      return
    default:
      writeObject(value, parts)
  }
}

function writeObject(value: Exclude<CborValue, string | boolean | CborInteger | undefined>, parts: Buffer[]): void {
  if (value === null) parts.push(Buffer.from([0xf6]))
  else if (value instanceof Uint8Array) parts.push(encodeHead(2, value.length), bufferOf(value))
  else if (isList(value)) {
    parts.push(encodeHead(4, value.length))
    for (const item of value) write(item, parts)
  } else if (isMap(value)) writeMap(value, parts)
  else if (value instanceof CborTag) {
    parts.push(encodeHead(6, value.tag))
    write(value.value, parts)
  } else if (value instanceof CborFloat) parts.push(encodeFloat(value.value))
  else if (value instanceof CborSimple) parts.push(simple(value.value))
  else parts.push(bufferOf(value.bytes))
}

function isList(value: object): value is readonly CborValue[] {
  return Array.isArray(value)
}

function isMap(value: object): value is ReadonlyMap<CborValue, CborValue> {
  return value instanceof Map
}

function writeMap(map: ReadonlyMap<CborValue, CborValue>, parts: Buffer[]): void {
  const entries = [...map].map(([key, value]) => ({ key: encodeCbor(key), value }))
  entries.sort((a, b) => Buffer.compare(a.key, b.key))
  parts.push(encodeHead(5, entries.length))
  for (const [n, { key, value }] of entries.entries()) {
    if (n > 0 && entries[n - 1]?.key.equals(key) === true)
      throw new RangeError('two keys of a CBOR map have the same encoding')
    parts.push(key)
    write(value, parts)
  }
}

function integer(value: CborInteger): Buffer {
  return value < 0 ? encodeHead(1, typeof value === 'bigint' ? -1n - value : -1 - value) : encodeHead(0, value)
}

function simple(value: number): Buffer {
  if (!Number.isInteger(value) || value < 0 || value > 255 || (value > 23 && value < 32))
    throw new RangeError(`${value} is not a simple value of CBOR`)
  return value < 24 ? Buffer.from([0xe0 | value]) : Buffer.from([0xf8, value])
}

/** The head of an item (RFC 8949 §3): its major type and the shortest form of its argument. */
export function encodeHead(major: number, argument: CborInteger): Buffer {
  if (argument < 0 || BigInt(argument) >= most) throw new RangeError(`${argument} does not fit in 64 bits`)
  const type = major << 5
  if (argument < 24) return Buffer.from([type | Number(argument)])
  if (argument < 0x100) return Buffer.from([type | 24, Number(argument)])
  const size = argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8
  const head = Buffer.alloc(1 + size)
  head[0] = type | (size === 2 ? 25 : size === 4 ? 26 : 27)
  if (size === 8) head.writeBigUInt64BE(BigInt(argument), 1)
  else head.writeUIntBE(Number(argument), 1, size)
  return head
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
