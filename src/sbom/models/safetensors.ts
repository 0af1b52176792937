import { isObject, nestsDeeper, parseJson, type JsonValue } from '../../base/json.ts'
import { malformed } from '../binary/view.ts'

export interface Safetensors {
  tensors: number
  parameters: number | null
  /** Of the type that most parameters have. */
  type: string | null
  /** `__metadata__`: texts that a user wrote. */
  metadata: ReadonlyMap<string, string>
}

/** Most bytes of the JSON header (the format's own limit is 100 MB). */
export const safetensorsHeader = 64 << 20

/** Reads the header of a safetensors file: its length in 8 bytes, then JSON. @throws VerificationError `format-invalid` */
export function readSafetensors(head: Buffer): Safetensors {
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
  const metadata = new Map<string, string>()
  const byType = new Map<string, number>()
  let tensors = 0
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') {
      for (const [key, each] of Object.entries(isObject(value) ? value : {}))
        if (typeof each === 'string' && (key + each).isWellFormed()) metadata.set(key, each)
      continue
    }
    const { dtype, shape } = isObject(value) ? value : {}
    if (typeof dtype !== 'string' || !dtype.isWellFormed() || !Array.isArray(shape))
      throw malformed('safetensors: a tensor without type or shape')
    tensors++
    byType.set(dtype, (byType.get(dtype) ?? 0) + product(shape))
  }
  const sum = [...byType.values()].reduce((total, count) => total + count, 0)
  const largest = [...byType].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]
  return { tensors, parameters: Number.isSafeInteger(sum) ? sum : null, type: largest?.[0] ?? null, metadata }
}

function product(shape: readonly JsonValue[]): number {
  return shape.reduce((total: number, size) => {
    if (typeof size !== 'number' || size < 0) throw malformed('safetensors: a shape that holds no sizes')
    return total * size
  }, 1)
}
