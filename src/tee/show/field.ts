import type { JsonObject, JsonValue } from '../../base/json.ts'
import { printable } from '../../base/printable.ts'

/** One thing that stands in evidence, for reading. Nothing here is checked. */
export interface Field {
  name: string
  /** Byte at which it begins in the innermost structure that is shown by itself; null where it was text. */
  offset: number | null
  /** Bytes. */
  size: number | null
  /** Null for what only holds other fields. */
  value: JsonValue
  fields: Field[]
}

/** What only holds other fields. @param offset and size in bytes */
export function group(name: string, fields: Field[], offset: number | null = null, size: number | null = null): Field {
  return { name, offset, size, value: null, fields }
}

/** One value. @param offset and size in bytes */
export function item(name: string, value: JsonValue, offset: number | null = null, size: number | null = null): Field {
  return { name, offset, size, value, fields: [] }
}

/** How bytes are read: little-endian number in decimal or hex, or the bytes themselves. */
export type Reading = 'number' | 'bits' | 'hex'

/** Fields of a structure with fixed offsets. */
export type Layout = readonly (readonly [name: string, offset: number, size: number, reading: Reading])[]

/** @param base offset at which the structure begins */
export function readLayout(bytes: Buffer, layout: Layout, base = 0): Field[] {
  return layout.map(([name, offset, size, reading]) => {
    const part = bytes.subarray(base + offset, base + offset + size)
    if (part.length < size) return item(name, 'ends beyond the file', base + offset, size)
    return item(name, readValue(part, reading), base + offset, size)
  })
}

function readValue(part: Buffer, reading: Reading): JsonValue {
  if (reading === 'hex') return part.toString('hex')
  const value = BigInt(`0x${Buffer.from(part).reverse().toString('hex')}`)
  // Beyond 2^53 a JSON number would lose digits.
  return reading === 'bits' || value > BigInt(Number.MAX_SAFE_INTEGER) ? `0x${value.toString(16)}` : Number(value)
}

/** Tree for the eye: offset in hex, name, value. Values longer than a line are cut; `--json` has them whole. */
export function fieldText(field: Field, depth = 0): string {
  const { name, offset, size, value, fields } = field
  const place = offset === null ? ' '.repeat(13) : `0x${offset.toString(16).padStart(4, '0')} +${size ?? ''}`.padEnd(13)
  const indent = '  '.repeat(depth)
  const line = `${place}${indent}${name}${value === null ? '' : `: ${cut(shown(value), 132 - indent.length - name.length)}`}`
  return [line.trimEnd(), ...fields.map((child) => fieldText(child, depth + 1))].join('\n')
}

function shown(value: JsonValue): string {
  return typeof value === 'string'
    ? value
    : Array.isArray(value)
      ? value.map(shown).join(', ') || 'none'
      : JSON.stringify(value)
}

function cut(text: string, room: number): string {
  const one = printable(text)
  return one.length <= room ? one : `${one.slice(0, Math.max(room - 1, 16))}…`
}

/** The same tree for `--json`, whole, without what a field does not have. */
export function fieldJson({ name, offset, size, value, fields }: Field): JsonObject {
  return {
    name,
    ...(offset === null ? {} : { offset }),
    ...(size === null ? {} : { size }),
    ...(value === null ? {} : { value }),
    ...(fields.length === 0 ? {} : { fields: fields.map(fieldJson) }),
  }
}
