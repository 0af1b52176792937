import { VerificationError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'

/** Values of Rego: JSON and sets. */
export type Value = null | boolean | number | string | Value[] | RegoSet | { [key: string]: Value }

const limits = {
  /** Steps of one evaluation: terms looked at, values compared, 16 characters of a text. */
  steps: 400_000,
  /** Levels of a value that is compared. */
  depth: 128,
} as const

/** Counts the work of one evaluation. @throws VerificationError `policy-invalid` when it is too much */
export type Spend = (steps: number) => void

export function meter(): Spend {
  let left: number = limits.steps
  return (steps) => {
    left -= steps
    if (left < 0) throw invalid(`it takes more than ${limits.steps} steps`)
  }
}

/** Values of which each is there once. */
export class RegoSet {
  readonly #items = new Map<string, Value>()
  readonly #spend: Spend

  constructor(items: Iterable<Value>, spend: Spend) {
    this.#spend = spend
    for (const item of items) this.#items.set(canonical(item, spend), item)
  }

  get size(): number {
    return this.#items.size
  }

  has(value: Value): boolean {
    return this.#items.has(canonical(value, this.#spend))
  }

  /** In the order that all readers give them. */
  sorted(): Value[] {
    return sorted([...this.#items.values()], this.#spend)
  }

  keys(): string[] {
    return [...this.#items.keys()].sort()
  }
}

export function isMap(value: Value | undefined): value is { [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RegoSet)
}

/** Keys and values of a collection in Rego's order; null for anything else. */
export function entries(value: Value, spend: Spend): [Value, Value][] | null {
  if (Array.isArray(value)) return value.map((item, at) => [at, item])
  if (value instanceof RegoSet) return value.sorted().map((item) => [item, item])
  if (!isMap(value)) return null
  return sorted(Object.keys(value), spend).map((key) => [key, value[key] ?? null])
}

export function sorted<T extends Value>(values: T[], spend: Spend): T[] {
  return values.sort((a, b) => compareValues(a, b, spend))
}

/**
 * Order of all values: null, booleans, numbers, texts (by code points), arrays, others.
 *
 * @throws VerificationError `policy-invalid` for two objects or sets, which readers of Rego order differently
 */
export function compareValues(a: Value, b: Value, spend: Spend, depth = 0): number {
  spend(1)
  const ranks = rank(a) - rank(b)
  if (ranks !== 0) return ranks
  if (typeof a === 'number' && typeof b === 'number') return exact(a) - exact(b)
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b, spend)
  if (Array.isArray(a) && Array.isArray(b)) {
    if (depth > limits.depth) throw invalid('a value is nested too deeply')
    for (const [at, item] of a.entries()) {
      const other = b[at]
      if (other === undefined) return 1
      const order = compareValues(item, other, spend, depth + 1)
      if (order !== 0) return order
    }
    return a.length - b.length
  }
  if (rank(a) === 5) throw invalid('objects and sets have no order here')
  return Number(a) - Number(b)
}

function rank(value: Value): number {
  if (value === null) return 0
  if (typeof value === 'boolean') return 1
  if (typeof value === 'number') return 2
  if (typeof value === 'string') return 3
  return Array.isArray(value) ? 4 : 5
}

function compareTexts(a: string, b: string, spend: Spend): number {
  spend((a.length + b.length) >> 4)
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

export function sameValue(a: Value, b: Value, spend: Spend): boolean {
  spend(1)
  if (typeof a === 'number' && typeof b === 'number') return exact(a) === exact(b)
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  return canonical(a, spend) === canonical(b, spend)
}

/** Text that equal values have alike, whatever the order of members. */
export function canonical(value: Value, spend: Spend, depth = 0): string {
  spend(1)
  if (depth > limits.depth) throw invalid('a value is nested too deeply')
  if (typeof value === 'number') return String(exact(value))
  if (typeof value === 'string') {
    spend(value.length >> 4)
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, spend, depth + 1)).join(',')}]`
  if (value instanceof RegoSet) {
    const keys = value.keys()
    for (const key of keys) spend(1 + (key.length >> 4))
    return `<${keys.join(',')}>`
  }
  if (!isMap(value)) return String(value)
  const names = Object.keys(value).sort()
  return `{${names.map((name) => `${canonical(name, spend)}:${canonical(value[name] ?? null, spend, depth + 1)}`).join(',')}}`
}

/** Readers of Rego hold other numbers in different ways. */
export function exact(value: number): number {
  if (!Number.isSafeInteger(value))
    throw invalid(`${value} is not a whole number below 2^53: not all readers take it alike`)
  return value === 0 ? 0 : value
}

/** Sets become sorted arrays, as Trustee writes them. */
export function toJson(value: Value): JsonValue {
  if (Array.isArray(value)) return value.map(toJson)
  if (value instanceof RegoSet) return value.sorted().map(toJson)
  if (!isMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, toJson(item)]))
}

export function invalid(why: string): VerificationError {
  return new VerificationError('policy-invalid', `the policy cannot be evaluated: ${why}`, {
    subject: 'policy',
    remedy: 'docs/rego.md lists what is read here; Trustee may also fail on this policy.',
  })
}
