import { isObject, type JsonObject, type JsonValue } from '../../../base/json.ts'
import { formats } from './formats.ts'

/** Where a value stands in its document: members and indexes, the last one first. */
interface Place {
  readonly up: Place | null
  readonly key: string | number
  readonly depth: number
}

/** The first fault among the deepest ones: it is the most telling one where a schema has alternatives. */
export interface Fault {
  /** JSON pointer. */
  where: string
  what: string
}

class Run {
  private place: Place | null = null
  private depth = -1
  private what = ''

  fail(place: Place | null, what: () => string): false {
    const depth = place?.depth ?? 0
    if (depth > this.depth) {
      this.depth = depth
      this.place = place
      this.what = what()
    }
    return false
  }

  /** Takes over what alternatives failed at, once all of them have failed. */
  take(other: Run): void {
    if (other.depth <= this.depth) return
    this.depth = other.depth
    this.place = other.place
    this.what = other.what
  }

  fault(): Fault {
    const keys: string[] = []
    for (let at = this.place; at !== null; at = at.up)
      keys.unshift(String(at.key).replaceAll('~', '~0').replaceAll('/', '~1'))
    return { where: keys.length === 0 ? '/' : `/${keys.join('/')}`, what: this.what }
  }
}

/** @param seen members that some part of the schema spoke of, for `unevaluatedProperties`; null where nobody asks */
type Check = (value: JsonValue, place: Place | null, run: Run, seen: Set<string> | null) => boolean

/**
 * JSON Schema as closures: draft 7 and 2020-12, with the keywords that the official schemas of SBOM formats use. An unknown keyword is an error when
 * the schema is compiled, so that no rule is passed over.
 */
export class Schema {
  private readonly checks = new Map<JsonValue, Check>()
  private readonly roots = new Map<string, JsonValue>()
  private readonly root: JsonValue

  /** @param roots the schema itself, then those that it names by their `$id` */
  constructor(roots: readonly JsonValue[]) {
    this.root = roots[0] ?? false
    for (const schema of roots) if (isObject(schema)) this.roots.set(String(schema['$id'] ?? ''), schema)
  }

  /** What is wrong with a value, or null. */
  validate(value: JsonValue): Fault | null {
    const run = new Run()
    return this.compile(this.root, this.root)(value, null, run, null) ? null : run.fault()
  }

  private compile(schema: JsonValue, root: JsonValue): Check {
    const known = this.checks.get(schema)
    if (known !== undefined) return known
    if (schema === true) return () => true
    if (schema === false) return (_value, place, run) => run.fail(place, () => 'nothing may stand here')
    if (!isObject(schema)) throw new Error('a schema is an object or a boolean')
    // Schemas name themselves: a lazy check stands in until the real one is there.
    this.checks.set(schema, (value, place, run, seen) => this.compile(schema, root)(value, place, run, seen))
    const made = this.object(schema, root)
    this.checks.set(schema, made)
    return made
  }

  private object(schema: JsonObject, root: JsonValue): Check {
    const checks: Check[] = []
    for (const [keyword, value] of Object.entries(schema)) {
      const check = this.keyword(keyword, value, schema, root)
      if (check !== null) checks.push(check)
    }
    const strict = schema['unevaluatedProperties'] === false
    const all: Check = (value, place, run, seen) => {
      for (const check of checks) if (!check(value, place, run, seen)) return false
      return true
    }
    if (!strict) return all
    return (value, place, run, seen) => {
      const own = new Set<string>()
      if (!all(value, place, run, own)) return false
      if (isObject(value)) {
        for (const name of Object.keys(value)) {
          if (!own.has(name))
            return run.fail(under(place, name), () => `"${name}" is not a member that the schema knows here`)
          seen?.add(name)
        }
      }
      return true
    }
  }

  private keyword(keyword: string, given: JsonValue, schema: JsonObject, root: JsonValue): Check | null {
    switch (keyword) {
      case '$id':
      case '$defs':
      case 'definitions':
      case 'unevaluatedProperties':
      case 'then':
      case 'else':
      case 'additionalItems':
        return null
      case 'additionalProperties':
        // `properties` looks after it where both are there.
        return schema['properties'] === undefined ? this.members({}, given, root) : null
      case 'properties':
        return this.members(isObject(given) ? given : {}, schema['additionalProperties'] ?? true, root)
      case '$ref':
        return this.reference(String(given), root)
      case 'allOf': {
        const parts = list(given).map((part) => this.compile(part, root))
        return (value, place, run, seen) => parts.every((part) => part(value, place, run, seen))
      }
      case 'anyOf':
      case 'oneOf':
        return this.alternatives(list(given), keyword === 'oneOf', root)
      case 'not': {
        const part = this.compile(given, root)
        return (value, place, run) =>
          !part(value, place, new Run(), null) || run.fail(place, () => 'has a form that is excluded')
      }
      case 'if': {
        const test = this.compile(given, root)
        const [yes, no] = [schema['then'] ?? true, schema['else'] ?? true].map((part) => this.compile(part, root))
        return (value, place, run, seen) => {
          const found: Set<string> | null = seen === null ? null : new Set()
          const holds = test(value, place, new Run(), found)
          if (holds && found !== null) for (const name of found) seen?.add(name)
          return (holds ? yes : no)?.(value, place, run, seen) ?? true
        }
      }
      case 'items':
        return this.items(given, schema['additionalItems'] ?? true, root)
      default:
        return simple(keyword, given)
    }
  }

  private members(named: JsonObject, rest: JsonValue, root: JsonValue): Check {
    const checks = new Map(Object.entries(named).map(([name, part]) => [name, this.compile(part, root)]))
    const others = rest === true ? null : this.compile(rest, root)
    const closed = rest === false
    return (value, place, run, seen) => {
      if (!isObject(value)) return true
      for (const [name, member] of Object.entries(value)) {
        const check = checks.get(name)
        if (check === undefined) {
          if (closed) return run.fail(under(place, name), () => `"${name}" is not a member that the schema knows here`)
          if (others === null) continue
          if (!others(member, under(place, name), run, null)) return false
          seen?.add(name)
        } else {
          if (!check(member, under(place, name), run, null)) return false
          seen?.add(name)
        }
      }
      return true
    }
  }

  private items(given: JsonValue, rest: JsonValue, root: JsonValue): Check {
    const each = Array.isArray(given) ? given.map((part) => this.compile(part, root)) : null
    const others = this.compile(each === null ? given : rest, root)
    return (value, place, run) => {
      if (!Array.isArray(value)) return true
      for (const [index, item] of value.entries()) {
        if (!(each?.[index] ?? others)(item, under(place, index), run, null)) return false
      }
      return true
    }
  }

  private reference(ref: string, root: JsonValue): Check {
    const hash = ref.indexOf('#')
    const file = hash === -1 ? ref : ref.slice(0, hash)
    const base = isObject(root) ? String(root['$id'] ?? '') : ''
    const target = file === '' ? root : this.roots.get(new URL(file, base).href)
    if (target === undefined) throw new Error(`the schema names ${ref}, which is not here`)
    let at = target
    for (const key of hash === -1
      ? []
      : ref
          .slice(hash + 1)
          .split('/')
          .slice(1)) {
      const next = isObject(at) ? at[key] : undefined
      if (next === undefined) throw new Error(`the schema names ${ref}, which is not there`)
      at = next
    }
    return this.compile(at, target)
  }

  /** A branch whose `type` is another one is not tried: SPDX 3 has ninety of them for each element. */
  private alternatives(parts: readonly JsonValue[], one: boolean, root: JsonValue): Check {
    const branches = parts.map((part) => ({ check: this.compile(part, root), types: typesOf(part, root, 0) }))
    return (value, place, run, seen) => {
      const type = isObject(value) ? value['type'] : undefined
      let matched = 0
      let tried = 0
      const failures = new Run()
      for (const { check, types } of branches) {
        if (types !== null && typeof type === 'string' && !types.has(type)) continue
        tried++
        const found: Set<string> | null = seen === null ? null : new Set()
        if (!check(value, place, failures, found)) continue
        matched++
        if (found !== null) for (const name of found) seen?.add(name)
        // Without anybody who asks what was seen, the first one that fits is enough.
        if (!one && seen === null) return true
        if (one && matched > 1) return run.fail(place, () => 'fits more than one of the forms that exclude each other')
      }
      if (matched > 0) return true
      run.take(failures)
      return run.fail(place, () =>
        tried === 0 && typeof type === 'string'
          ? `"${type}" is not a type that may stand here`
          : 'has none of the forms that may stand here',
      )
    }
  }
}

/** Values of the member `type` that a schema allows in an object, or null where it does not say. */
function typesOf(schema: JsonValue, root: JsonValue, depth: number): ReadonlySet<string> | null {
  if (!isObject(schema) || depth > 8) return null
  const ref = schema['$ref']
  if (typeof ref === 'string' && ref.startsWith('#/')) {
    let at: JsonValue | undefined = root
    for (const key of ref.slice(2).split('/')) at = isObject(at) ? at[key] : undefined
    const found = typesOf(at ?? true, root, depth + 1)
    if (found !== null) return found
  }
  const properties = schema['properties']
  if (isObject(properties)) {
    const said = constants(properties['type'])
    if (said !== null) return said
  }
  for (const part of list(schema['allOf'] ?? [])) {
    const found = typesOf(part, root, depth + 1)
    if (found !== null) return found
  }
  const branches = list(schema['anyOf'] ?? [])
  if (branches.length === 0) return null
  const all = branches.map((part) => typesOf(part, root, depth + 1))
  return all.includes(null) ? null : new Set(all.flatMap((types) => [...(types ?? [])]))
}

function constants(schema: JsonValue | undefined): ReadonlySet<string> | null {
  if (!isObject(schema)) return null
  const { const: one, enum: some, oneOf } = schema
  if (typeof one === 'string') return new Set([one])
  if (Array.isArray(some)) return new Set(some.map(String))
  if (!Array.isArray(oneOf)) return null
  const all = oneOf.map(constants)
  return all.includes(null) ? null : new Set(all.flatMap((found) => [...(found ?? [])]))
}

/** Keywords that hold no schemas. */
function simple(keyword: string, given: JsonValue): Check {
  const number = typeof given === 'number' ? given : 0
  switch (keyword) {
    case 'type': {
      const types = Array.isArray(given) ? given : [given]
      return (value, place, run) =>
        types.some((type) => isType(value, type)) || run.fail(place, () => `must be of type ${types.join(' or ')}`)
    }
    case 'const':
      return (value, place, run) =>
        canonical(value) === canonical(given) || run.fail(place, () => `must be ${JSON.stringify(given)}`)
    case 'enum': {
      const allowed = new Set(list(given).map(canonical))
      const shown = list(given)
        .slice(0, 8)
        .map((item) => JSON.stringify(item))
        .join(', ')
      return (value, place, run) =>
        allowed.has(canonical(value)) ||
        run.fail(place, () => `is not one of the allowed values (${shown}${allowed.size > 8 ? ', …' : ''})`)
    }
    case 'required': {
      const names = list(given).map(String)
      return (value, place, run) => {
        if (!isObject(value)) return true
        const missing = names.find((name) => !Object.hasOwn(value, name))
        return missing === undefined || run.fail(place, () => `the member "${missing}" is missing`)
      }
    }
    case 'pattern': {
      const form = new RegExp(String(given), 'u')
      return (value, place, run) =>
        typeof value !== 'string' || form.test(value) || run.fail(place, () => `must have the form ${String(given)}`)
    }
    case 'format': {
      const test = formats[String(given)]
      if (test === undefined) throw new Error(`the schema has the unknown format ${String(given)}`)
      return (value, place, run) =>
        typeof value !== 'string' || test(value) || run.fail(place, () => `is not a valid ${String(given)}`)
    }
    case 'minLength':
      return (value, place, run) =>
        typeof value !== 'string' || [...value].length >= number || run.fail(place, () => `is shorter than ${number}`)
    case 'maxLength':
      return (value, place, run) =>
        typeof value !== 'string' || [...value].length <= number || run.fail(place, () => `is longer than ${number}`)
    case 'minItems':
      return (value, place, run) =>
        !Array.isArray(value) || value.length >= number || run.fail(place, () => `has fewer than ${number} items`)
    case 'maxItems':
      return (value, place, run) =>
        !Array.isArray(value) || value.length <= number || run.fail(place, () => `has more than ${number} items`)
    case 'minimum':
      return (value, place, run) =>
        typeof value !== 'number' || value >= number || run.fail(place, () => `is less than ${number}`)
    case 'maximum':
      return (value, place, run) =>
        typeof value !== 'number' || value <= number || run.fail(place, () => `is more than ${number}`)
    case 'uniqueItems':
      return (value, place, run) =>
        given !== true ||
        !Array.isArray(value) ||
        value.length < 2 ||
        new Set(value.map(canonical)).size === value.length ||
        run.fail(place, () => 'holds the same item twice')
    default:
      throw new Error(`the schema has the unknown keyword ${keyword}`)
  }
}

function isType(value: JsonValue, type: JsonValue): boolean {
  switch (type) {
    case 'object':
      return isObject(value)
    case 'array':
      return Array.isArray(value)
    case 'null':
      return value === null
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value)
    default:
      return typeof value === type
  }
}

/** Equal values have equal texts, whatever the order of their members. */
function canonical(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const names = Object.keys(value).sort()
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name] ?? null)}`).join(',')}}`
}

function under(up: Place | null, key: string | number): Place {
  return { up, key, depth: (up?.depth ?? 0) + 1 }
}

function list(value: JsonValue): JsonValue[] {
  return Array.isArray(value) ? value : []
}
