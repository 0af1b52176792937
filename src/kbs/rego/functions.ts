import type { JsonValue } from '../../base/json.ts'
import { texts } from './functions-text.ts'
import { compareValues, exact, invalid, isMap, RegoSet, sameValue, sorted, type Spend, type Value } from './value.ts'

export interface Calls {
  spend: Spend
  referenceValue: (id: string) => JsonValue
}

/** One function of the language: values of the wrong kind are an error, as regorus has it. */
export interface RegoFunction {
  arity: number
  /** undefined: the expression that calls it does not hold. */
  run: (args: Value[], calls: Calls) => Value | undefined
}

/** Longest array that a function may make. */
const lengthLimit = 10_000

/** Name → function, for those that all readers evaluate alike. */
export const functions: ReadonlyMap<string, RegoFunction> = new Map(
  Object.entries<RegoFunction>({
    ...texts,
    count: { arity: 1, run: ([value = null], { spend }) => size(value, spend) },
    sum: { arity: 1, run: ([value], { spend }) => numbers(value, spend).reduce((a, b) => exact(a + b), 0) },
    product: { arity: 1, run: ([value], { spend }) => numbers(value, spend).reduce((a, b) => exact(a * b), 1) },
    max: { arity: 1, run: ([value], { spend }) => sorted(items(value), spend).at(-1) },
    min: { arity: 1, run: ([value], { spend }) => sorted(items(value), spend)[0] },
    sort: { arity: 1, run: ([value], { spend }) => sorted(items(value), spend) },
    abs: { arity: 1, run: ([value]) => Math.abs(integer(value)) },
    is_null: kind((value) => value === null),
    is_boolean: kind((value) => typeof value === 'boolean'),
    is_number: kind((value) => typeof value === 'number'),
    is_string: kind((value) => typeof value === 'string'),
    is_array: kind((value) => Array.isArray(value)),
    is_set: kind((value) => value instanceof RegoSet),
    is_object: kind((value) => isMap(value)),
    'array.concat': {
      arity: 2,
      run: ([left, right], { spend }) => {
        const joined = [...array(left), ...array(right)]
        spend(joined.length)
        return limited(joined)
      },
    },
    'array.slice': {
      arity: 3,
      run: ([value, from, to]) => array(value).slice(Math.max(integer(from), 0), Math.max(integer(to), 0)),
    },
    'array.reverse': { arity: 1, run: ([value]) => array(value).toReversed() },
    'numbers.range': {
      arity: 2,
      run: ([from, to], { spend }) => {
        const [a, b] = [integer(from), integer(to)]
        const length = Math.abs(a - b) + 1
        if (length > lengthLimit) throw invalid(`an array of more than ${lengthLimit} items`)
        spend(length)
        return Array.from({ length }, (_, at) => (a < b ? a + at : a - at))
      },
    },
    'object.get': {
      arity: 3,
      run: ([value, path, fallback]) => {
        const steps = Array.isArray(path) ? path : [path ?? null]
        if (!isMap(value)) throw invalid('object.get needs an object')
        let found: Value | undefined = value
        for (const step of steps) found = found === undefined ? undefined : look(found, step)
        return found ?? (found === null ? null : fallback)
      },
    },
    'object.keys': { arity: 1, run: ([value], { spend }) => new RegoSet(Object.keys(object(value)), spend) },
    'object.union': { arity: 2, run: ([left, right], { spend }) => merge(object(left), object(right), spend) },
    'object.union_n': {
      arity: 1,
      run: ([value], { spend }) =>
        array(value)
          .map(object)
          .reduce((a, b) => merge(a, b, spend), {}),
    },
    union: {
      arity: 1,
      run: ([value], { spend }) =>
        new RegoSet(
          sets(value).flatMap((one) => one.sorted()),
          spend,
        ),
    },
    intersection: {
      arity: 1,
      run: ([value], { spend }) => {
        const [first, ...rest] = sets(value)
        return new RegoSet(first?.sorted().filter((item) => rest.every((one) => one.has(item))) ?? [], spend)
      },
    },
    query_reference_value: {
      arity: 1,
      run: ([id], { referenceValue }) => {
        if (typeof id !== 'string') throw invalid('query_reference_value needs a text')
        return referenceValue(id)
      },
    },
    set: { arity: 0, run: (_args, { spend }) => new RegoSet([], spend) },
  }),
)

/** Member of a value, as an index gives it. */
export function look(value: Value, key: Value): Value | undefined {
  if (value instanceof RegoSet) return value.has(key) ? key : undefined
  if (Array.isArray(value)) return typeof key === 'number' ? value[exact(key)] : undefined
  if (isMap(value) && typeof key === 'string' && Object.hasOwn(value, key)) return value[key]
  return undefined
}

/** Whether a collection has a value. */
export function isIn(value: Value, domain: Value, spend: Spend): boolean {
  if (domain instanceof RegoSet) return domain.has(value)
  if (Array.isArray(domain)) return domain.some((item) => sameValue(item, value, spend))
  return isMap(domain) && Object.values(domain).some((item) => sameValue(item, value, spend))
}

/** `left OPERATOR right` of numbers, or of sets. */
export function calculate(left: Value, operator: string, right: Value, spend: Spend): Value {
  spend(1)
  if (left instanceof RegoSet && right instanceof RegoSet) {
    if (operator === '&')
      return new RegoSet(
        left.sorted().filter((item) => right.has(item)),
        spend,
      )
    if (operator === '-')
      return new RegoSet(
        left.sorted().filter((item) => !right.has(item)),
        spend,
      )
  }
  if (operator === '&') throw invalid('`&` needs two sets')
  const [a, b] = [integer(left), integer(right)]
  if (operator === '+') return exact(a + b)
  if (operator === '-') return exact(a - b)
  if (operator === '*') return exact(a * b)
  if (b === 0) throw invalid('a division by zero')
  if (operator === '/') return exact(a / b)
  if (a < 0 || b < 0) throw invalid('a remainder of negative numbers')
  return exact(a % b)
}

export function isRelated(left: Value, operator: string, right: Value, spend: Spend): boolean {
  if (operator === 'in') return isIn(left, right, spend)
  if (operator === '==') return sameValue(left, right, spend)
  if (operator === '!=') return !sameValue(left, right, spend)
  const order = compareValues(left, right, spend)
  if (operator === '>') return order > 0
  if (operator === '<') return order < 0
  return operator === '>=' ? order >= 0 : order <= 0
}

function kind(is: (value: Value) => boolean): RegoFunction {
  return { arity: 1, run: ([value = null]) => is(value) }
}

function size(value: Value, spend: Spend): number {
  if (typeof value === 'string') {
    spend(value.length >> 4)
    // regorus counts UTF-16 units, OPA code points.
    if (/[\ud800-\udfff]/.test(value)) throw invalid('count of a text with letters beyond U+FFFF')
    return value.length
  }
  if (value instanceof RegoSet) return value.size
  if (typeof value !== 'object' || value === null) throw invalid('count needs a collection or a text')
  return Object.keys(value).length
}

function integer(value: Value | undefined): number {
  if (typeof value !== 'number') throw invalid('a calculation needs numbers')
  return exact(value)
}

function items(value: Value | undefined): Value[] {
  if (value instanceof RegoSet) return value.sorted()
  return [...array(value)]
}

function numbers(value: Value | undefined, spend: Spend): number[] {
  const found = items(value)
  spend(found.length)
  return found.map(integer)
}

function array(value: Value | undefined): Value[] {
  if (!Array.isArray(value)) throw invalid('an array is needed')
  return value
}

function object(value: Value | undefined): { [key: string]: Value } {
  if (!isMap(value)) throw invalid('an object is needed')
  return value
}

function sets(value: Value | undefined): RegoSet[] {
  return items(value instanceof RegoSet ? value : undefined).map((one) => {
    if (!(one instanceof RegoSet)) throw invalid('a set of sets is needed')
    return one
  })
}

function limited(value: Value[]): Value[] {
  if (value.length > lengthLimit) throw invalid(`an array of more than ${lengthLimit} items`)
  return value
}

function merge(
  left: { [key: string]: Value },
  right: { [key: string]: Value },
  spend: Spend,
  depth = 0,
): { [key: string]: Value } {
  if (depth > 32) throw invalid('a value is nested too deeply')
  const merged = new Map(Object.entries(left))
  for (const [name, item] of Object.entries(right)) {
    spend(1)
    const here = merged.get(name)
    merged.set(name, isMap(here) && isMap(item) ? merge(here, item, spend, depth + 1) : item)
  }
  return Object.fromEntries(merged)
}
