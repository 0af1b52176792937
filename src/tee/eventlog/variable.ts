import { ByteReader } from '../byte-reader.ts'

/** UEFI_VARIABLE_DATA of an event (profile §10.2.6). */
export interface VariableData {
  /** In the usual text form, lower case. */
  guid: string
  name: string
  value: Buffer
}

const limits = { name: 512 } as const

/** Null when the bytes are no variable: event data is free text as far as a log's form goes. */
export function parseVariable(data: Buffer): VariableData | null {
  if (data.length < 32) return null
  const reader = new ByteReader(data, 'UEFI variable', 'LE')
  const guid = formatGuid(reader.take(16, 'GUID'))
  const [characters, bytes] = [reader.u64('length of name'), reader.u64('length of value')]
  if (characters > limits.name || BigInt(reader.rest.length) !== characters * 2n + bytes) return null
  const name = reader.take(Number(characters) * 2, 'name').toString('utf16le')
  return { guid, name, value: reader.rest }
}

function formatGuid(bytes: Buffer): string {
  const hex = (from: number, to: number) => bytes.subarray(from, to).toString('hex')
  const number = (at: number, size: number) =>
    bytes
      .readUIntLE(at, size)
      .toString(16)
      .padStart(size * 2, '0')
  return `${number(0, 4)}-${number(4, 2)}-${number(6, 2)}-${hex(8, 10)}-${hex(10, 16)}`
}
