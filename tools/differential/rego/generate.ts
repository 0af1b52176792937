import type { JsonObject, JsonValue } from '../../../src/base/json.ts'
import { Random } from '../../../testkit/random.ts'

export interface RegoCase {
  policy: string
  input: JsonObject
  data: JsonObject
  values: JsonObject
}

const members = ['a', 'b', 'c', 'd'] as const
const words = ['', 'a', 'b', 'ab', 'affirming', 'x/y', 'Ä', '\u{1f511}'] as const
const numbers = [-3, -1, 0, 1, 2, 3, 7, 300] as const

/** A policy of one module in the language of docs/rego.md, and what it is tried on: small pools of names and values, so that things meet. */
export function regoCase(seed: number, index: number): RegoCase {
  const random = new Random(seed, `rego ${index}`)
  const writer = new PolicyWriter(random)
  return {
    policy: writer.module(),
    input: {
      ...object(random, 0),
      n: random.pick(numbers),
      s: random.pick(words),
      ns: Array.from({ length: random.below(4) }, () => random.pick(numbers)),
      ss: Array.from({ length: random.below(4) }, () => random.pick(words)),
      o: Object.fromEntries(members.filter(() => random.below(3) > 0).map((name) => [name, random.pick(numbers)])),
      t: { s: random.pick(words), n: random.pick(numbers) },
    },
    data: { plugin: random.pick(words), 'resource-path': [random.pick(words), random.pick(words)] },
    values: { a: value(random, 1), b: [random.pick(words), random.pick(numbers)] },
  }
}

function object(random: Random, depth: number): JsonObject {
  return Object.fromEntries(members.filter(() => random.below(4) > 0).map((name) => [name, value(random, depth + 1)]))
}

function value(random: Random, depth: number): JsonValue {
  const kind = random.below(depth > 3 ? 4 : 8)
  if (kind === 0) return random.pick([true, false, null])
  if (kind < 3) return random.pick(numbers)
  if (kind === 3) return random.pick(words)
  if (kind < 6) return Array.from({ length: random.below(4) }, () => value(random, depth + 1))
  return object(random, depth)
}

class PolicyWriter {
  readonly #random: Random
  /** Names that have a value, block by block. */
  #names: string[] = []
  #count = 0
  #rules: string[] = []
  #functions = new Map<string, number>()

  constructor(random: Random) {
    this.#random = random
  }

  module(): string {
    const lines = ['package policy', '', 'import rego.v1', '']
    if (this.#chance(3)) {
      lines.push(`f(x) := ${this.#inside(['x'], () => this.#headed(true))}`)
      this.#functions.set('f', 1)
    }
    if (this.#chance(4)) {
      lines.push(`g(x, y) ${this.#inside(['x', 'y'], () => this.#block('if', 2))}`)
      this.#functions.set('g', 2)
    }
    for (const name of ['p', 'q', 'r']) {
      if (!this.#chance(2)) continue
      if (this.#chance(3)) lines.push(this.#inside([], () => this.#member(name)))
      else {
        if (this.#chance(2))
          lines.push(`default ${name} := ${JSON.stringify(this.#random.pick([...words, ...numbers, false]))}`)
        lines.push(`${name} := ${this.#inside([], () => this.#headed(this.#chance(2)))}`)
      }
      this.#rules.push(name)
    }
    if (this.#chance(2)) lines.push('default allow := false')
    for (let count = this.#random.below(2) + 1; count > 0; count--) {
      const first = this.#chance(2)
        ? `allow ${this.#inside([], () => this.#block('if', 3))}`
        : `allow := ${this.#inside([], () => this.#headed(true))}`
      const others = this.#chance(3) ? ` else := ${this.#inside([], () => this.#headed(this.#chance(2)))}` : ''
      lines.push(first + others)
    }
    return `${lines.join('\n')}\n`
  }

  /** A value, and the body that it is written before. */
  #headed(withBody: boolean): string {
    if (!withBody) return this.#term(2)
    const body = this.#block('if', 3)
    return `${this.#term(2, false)} ${body}`
  }

  #member(name: string): string {
    const body = this.#block('if', 3)
    return `${name} contains ${this.#term(2, false)} ${body}`
  }

  #block(word: string, most: number): string {
    const count = this.#random.below(most) + 1
    return `${word} {\n${Array.from({ length: count }, () => `  ${this.#statement(2)}\n`).join('')}}`
  }

  #statement(depth: number): string {
    const before = [...this.#names]
    const text = this.#written(depth)
    // Not read as the begin of a statement: regorus goes on with the line before.
    if (!/^[(-]/.test(text)) return text
    this.#names = before
    return this.#statement(depth)
  }

  #written(depth: number): string {
    switch (this.#random.below(11)) {
      case 0: {
        const domain = this.#collection(depth - 1)
        const name = this.#fresh()
        return `some ${name} in ${domain}`
      }
      case 1: {
        const domain = this.#collection(depth - 1)
        return `some ${this.#fresh()}, ${this.#fresh()} in ${domain}`
      }
      case 2:
        if (depth < 1) return 'true'
        return this.#every(depth)
      case 3:
        return `not ${this.#fixed(depth)}`
      case 4:
      case 5: {
        const value = this.#expression(depth)
        return `${this.#fresh()} := ${this.#chance(3) ? `(${value})` : value}`
      }
      case 6:
        return this.#expression(depth)
      default:
        return this.#compared(depth)
    }
  }

  #every(depth: number): string {
    const domain = this.#collection(depth - 1)
    return this.#inside(null, () => {
      const names = this.#chance(2) ? this.#fresh() : `${this.#fresh()}, ${this.#fresh()}`
      return `every ${names} in ${domain} { ${this.#statement(depth - 1)} }`
    })
  }

  #fixed(depth: number): string {
    return this.#chance(2) ? this.#compared(depth, false) : this.#term(depth, false)
  }

  #compared(depth: number, binds = true, isValue = false): string {
    const operator = this.#random.pick(['==', '==', '!=', '<', '<=', '>', '>=', ...(isValue ? [] : ['in', 'in'])])
    const kind = this.#random.pick(kinds)
    const domain = kind === 'number' ? 'numbers' : kind === 'text' ? 'texts' : 'any'
    const left = this.#term(depth, binds, kind)
    return `${left} ${operator} ${this.#term(depth, binds, operator === 'in' ? domain : kind)}`
  }

  #expression(depth: number): string {
    return this.#chance(3) ? this.#compared(depth, true, true) : this.#term(depth)
  }

  #collection(depth: number, binds = true): string {
    return this.#chance(4)
      ? this.#path(binds)
      : this.#term(depth, binds, this.#random.pick(['numbers', 'texts', 'object']))
  }

  /** Mostly of a kind that fits, so that many policies come to a value. */
  #term(depth: number, binds = true, kind: Kind = this.#random.pick(kinds)): string {
    if (this.#chance(25)) return this.#any(depth, binds)
    const typed = this.#random.below(depth <= 0 ? 3 : 6)
    const sub = (other: Kind): string => this.#term(depth - 1, binds, other)
    switch (kind) {
      case 'number':
        if (typed === 0) return String(this.#random.pick(numbers))
        if (typed < 3)
          return this.#random.pick([
            'input.n',
            'input.t.n',
            'input.o.a',
            'input.ns[0]',
            'query_reference_value("b")[1]',
          ])
        if (typed === 3) return `count(${sub(this.#random.pick(['numbers', 'texts', 'object']))})`
        if (typed === 4) return `${this.#random.pick(['sum', 'max', 'min', 'product'])}(${sub('numbers')})`
        return `(${sub('number')} ${this.#random.pick(['+', '-', '*'])} ${sub('number')})`
      case 'text':
        if (typed === 0) return JSON.stringify(this.#random.pick(words))
        if (typed < 3)
          return this.#random.pick([
            'input.s',
            'input.t.s',
            'data.plugin',
            'input.ss[0]',
            'query_reference_value("b")[0]',
          ])
        if (typed === 3) return `concat("-", ${sub('texts')})`
        if (typed === 4) return `sprintf("%v/%v", [${sub('text')}, ${sub(this.#random.pick(['number', 'text']))}])`
        return `${this.#random.pick(['trim_prefix', 'trim_suffix'])}(${sub('text')}, ${sub('text')})`
      case 'truth':
        if (typed === 0) return this.#random.pick(['true', 'false'])
        if (typed < 4)
          return `${this.#random.pick(['startswith', 'endswith', 'contains'])}(${sub('text')}, ${sub('text')})`
        return `is_${this.#random.pick(['string', 'number', 'array', 'null'])}(${this.#any(depth - 1, binds)})`
      case 'numbers':
        if (typed < 3)
          return this.#random
            .pick(['input.ns', 'input.ns', 'input.o', '[1, 2, 3]', '{1, 2}', '[]'])
            .replace('input.o', depth > 0 ? '[v | v := input.o[_]]' : 'input.ns')
        if (typed === 3) return `array.concat(input.ns, [${sub('number')}])`
        if (typed === 4) return `numbers.range(0, ${this.#random.below(4)})`
        return `{${sub('number')}, ${sub('number')}}`
      case 'texts':
        if (typed < 3)
          return this.#random.pick(['input.ss', 'data["resource-path"]', '["a", "b"]', '{"a", "affirming"}'])
        if (typed === 3) return `split(${sub('text')}, "/")`
        if (typed === 4) return 'object.keys(input.o)'
        return `[${sub('text')}, ${sub('text')}]`
      case 'object':
        if (typed < 3) return this.#random.pick(['input.o', 'input.t', 'input'])
        if (typed === 3) return `object.union(input.o, {"a": ${sub('number')}})`
        if (typed === 4) return `{"a": ${sub('number')}, "s": ${sub('text')}}`
        return this.#comprehension(depth)
      case 'any':
        return this.#any(depth, binds)
    }
  }

  #any(depth: number, binds = true): string {
    const most = depth <= 0 ? 6 : 13
    switch (this.#random.below(most)) {
      case 0:
        return JSON.stringify(this.#random.pick(words))
      case 1:
        return String(this.#random.pick(numbers))
      case 2:
        return this.#random.pick(['true', 'false', 'null'])
      case 3:
      case 4:
      case 5:
        return this.#path(binds)
      case 6:
        return `[${this.#list(depth, binds)}]`
      case 7:
        return this.#chance(2)
          ? `{${this.#list(depth, binds) || '1'}}`
          : `{"a": ${this.#term(depth - 1, binds)}, "b": ${this.#term(depth - 1, binds)}}`
      case 8:
        return `(${this.#term(depth - 1, binds)} ${this.#random.pick(['+', '-', '*', '/', '%', '&'])} ${this.#term(depth - 1, binds)})`
      case 9:
        return this.#comprehension(depth)
      default:
        return this.#call(depth, binds)
    }
  }

  #list(depth: number, binds: boolean): string {
    return Array.from({ length: this.#random.below(4) }, () => this.#term(depth - 1, binds)).join(', ')
  }

  #comprehension(depth: number): string {
    return this.#inside(null, () => {
      const body = Array.from({ length: this.#random.below(2) + 1 }, () => this.#statement(depth - 1)).join('; ')
      const value = this.#term(0, false)
      const head = this.#random.pick(['[', '{', '{:'])
      if (head === '[') return `[${value} | ${body}]`
      return head === '{' ? `{${value} | ${body}}` : `{${this.#term(0, false)}: ${value} | ${body}}`
    })
  }

  #call(depth: number, binds: boolean): string {
    const one = (): string => this.#term(depth - 1, binds)
    const own = [...this.#functions]
    if (own.length > 0 && this.#chance(3)) {
      const [name, arity] = this.#random.pick(own)
      return `${name}(${Array.from({ length: arity }, one).join(', ')})`
    }
    const name = this.#random.pick([...singles, ...doubles, 'sprintf', 'query_reference_value', 'object.get'])
    if (name === 'sprintf') return `sprintf("%v:%v", [${one()}, ${one()}])`
    if (name === 'query_reference_value') return `query_reference_value("${this.#random.pick(['a', 'b', 'z'])}")`
    if (name === 'object.get') return `object.get(${one()}, "${this.#random.pick(members)}", ${one()})`
    return singles.includes(name) ? `${name}(${one()})` : `${name}(${one()}, ${one()})`
  }

  #path(binds: boolean): string {
    const roots = ['input', 'input', ...this.#names, ...this.#rules]
    let path = this.#random.pick(roots)
    if (this.#chance(8)) path = 'data["resource-path"]'
    for (let count = this.#random.below(3); count > 0; count--) {
      const kind = this.#random.below(6)
      if (kind < 3) path += `.${this.#random.pick(members)}`
      else if (kind === 3) path += `[${this.#random.below(3)}]`
      else if (kind === 4 && binds) path += `[${this.#chance(2) ? '_' : this.#fresh()}]`
      else if (binds && this.#names.length > 0) path += `[${this.#random.pick(this.#names)}]`
    }
    return path
  }

  #fresh(): string {
    // Names of earlier blocks come again.
    const name = this.#chance(12) ? this.#random.pick(['i', 'j', 'k']) : `n${this.#count++}`
    this.#names.push(name)
    return name
  }

  #inside(names: string[] | null, write: () => string): string {
    const before = [...this.#names]
    this.#names = names === null ? before.slice() : [...names]
    const text = write()
    this.#names = before
    return text
  }

  #chance(of: number): boolean {
    return this.#random.below(of) === 0
  }
}

type Kind = 'number' | 'text' | 'truth' | 'numbers' | 'texts' | 'object' | 'any'
const kinds: readonly Kind[] = ['number', 'text', 'truth', 'numbers', 'texts', 'object', 'any', 'any']

const singles = [
  'count',
  'count',
  'sum',
  'product',
  'max',
  'min',
  'sort',
  'abs',
  'lower',
  'upper',
  'trim_space',
  'is_string',
  'is_number',
].concat([
  'is_null',
  'is_array',
  'is_object',
  'is_set',
  'is_boolean',
  'array.reverse',
  'object.keys',
  'object.union_n',
  'union',
  'intersection',
])
const doubles = [
  'startswith',
  'endswith',
  'contains',
  'trim_prefix',
  'trim_suffix',
  'split',
  'indexof',
  'concat',
  'array.concat',
].concat(['object.union', 'numbers.range'])
