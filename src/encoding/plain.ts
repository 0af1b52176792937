import type { JsonValue } from '../base/json.ts'

/** Deeper than any document nests that people or tools write. */
const deepest = 200

/**
 * What a reader of TOML or YAML gave, as values of JSON: dates and big numbers as text, maps as objects. Each value is taken once: a document
 * that refers to one of its parts many times is refused, since a short text could mean a huge one.
 *
 * @throws Error for a value that nests too deep, or that is there twice
 */
export function plainValue(value: unknown): JsonValue {
  return plain(value, 0, new Set())
}

function plain(value: unknown, depth: number, seen: Set<object>): JsonValue {
  if (depth > deepest) throw new Error(`the document nests more than ${deepest} levels`)
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '' : value.toISOString()
  if (typeof value !== 'object') return null
  if (seen.has(value)) throw new Error('the document refers to one of its parts more than once')
  seen.add(value)
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1, seen))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item, depth + 1, seen)]))
}
