import { table } from '../../base/table.ts'
import { isObject, nestsDeeper, parseJson, type JsonValue } from '../../base/json.ts'
import { malformed } from '../binary/view.ts'

export interface Safetensors {
  tensors: number
  parameters: number | null
  /** Of the type that most parameters have. */
  type: string | null
  /** Members of `__metadata__`, which a user wrote; empty where there is none. Others are not kept: a header may have 64 MiB of them. */
  metadata: { format: string; license: string }
  /** Why the file cannot hold the tensors that its header describes; null where it can. */
  short: string | null
}

/** Bytes of one number, by its type. */
const widths: Readonly<Record<string, number>> = table({
  ...{ F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2 },
  ...{ F8_E5M2: 1, F8_E4M3: 1, I8: 1, U8: 1, BOOL: 1 },
})

/** Most bytes of the JSON header (the format's own limit is 100 MB). */
export const safetensorsHeader = 64 << 20

/**
 * Reads the header of a safetensors file: its length in 8 bytes, then JSON.
 *
 * @param size bytes of the whole file
 * @throws VerificationError `format-invalid`
 */
export function readSafetensors(head: Buffer, size: number = head.length): Safetensors {
  const length = head.length < 8 ? 0n : head.readBigUInt64LE()
  if (length === 0n) throw malformed('safetensors: the header has no length')
  if (length > BigInt(safetensorsHeader))
    throw malformed(`safetensors: a header of ${length} bytes; at most ${safetensorsHeader} bytes are read`)
  const text = head.subarray(8, 8 + Number(length))
  if (text.length < Number(length))
    throw malformed(`safetensors: a header of ${length} bytes, but the file ends before it`)
  if (nestsDeeper(text, 8)) throw malformed('safetensors: the header nests deeper than 8 levels')
  const json = parseJson(text.toString('utf8'), 'the safetensors header')
  if (!isObject(json)) throw malformed('safetensors: a JSON object is expected')
  const metadata = { format: '', license: '' }
  const byType = new Map<string, number>()
  let tensors = 0
  let short: string | null = null
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') {
      const { format, license } = isObject(value) ? value : {}
      if (typeof format === 'string' && format.isWellFormed()) metadata.format = format
      if (typeof license === 'string' && license.isWellFormed()) metadata.license = license
      continue
    }
    const { dtype, shape, data_offsets: offsets } = isObject(value) ? value : {}
    if (typeof dtype !== 'string' || !dtype.isWellFormed() || !Array.isArray(shape))
      throw malformed('safetensors: a tensor without type or shape')
    tensors++
    const numbers = product(shape)
    byType.set(dtype, (byType.get(dtype) ?? 0) + numbers)
    short ??= shortOf({ numbers, width: widths[dtype], offsets, data: size - 8 - Number(length) })
  }
  const sum = [...byType.values()].reduce((total, count) => total + count, 0)
  const largest = [...byType].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]
  return { tensors, parameters: Number.isSafeInteger(sum) ? sum : null, type: largest?.[0] ?? null, metadata, short }
}

/** What is wrong with the place of a tensor in `data` bytes behind the header; null where nothing is. */
function shortOf(tensor: {
  numbers: number
  width: number | undefined
  offsets: JsonValue | undefined
  data: number
}): string | null {
  const { numbers, width, offsets, data } = tensor
  const [start, end] = Array.isArray(offsets) ? offsets : []
  if (typeof start !== 'number' || typeof end !== 'number') return 'a tensor of the header has no place in the file'
  if (end > data) return `the header describes tensors of ${end} bytes, but the file has ${data} bytes of them`
  return width === undefined || end - start === numbers * width
    ? null
    : `the header describes a tensor of ${numbers * width} bytes that has ${end - start} bytes in the file`
}

function product(shape: readonly JsonValue[]): number {
  return shape.reduce((total: number, size) => {
    if (typeof size !== 'number' || size < 0) throw malformed('safetensors: a shape that holds no sizes')
    return total * size
  }, 1)
}
