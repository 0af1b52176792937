import type { Arithmetic, Comparison, Statement, Step, Term } from './ast.ts'
import type { Cursor } from './cursor.ts'
import { functions } from './functions.ts'
import type { Names } from './names.ts'

export const depthLimit = 32
const pathLimit = 64
/** Items of one list that are not texts or numbers. */
const computedLimit = 500
const comparisons: readonly Comparison[] = ['==', '!=', '>=', '<=', '>', '<', 'in']
const levels: readonly (readonly Arithmetic[])[] = [['&'], ['+', '-'], ['*', '/', '%']]

export interface TermReader {
  /** A value. `in` is none: readers differ where its domain is undefined, and on `x := a in b`. */
  expression(depth: number): Term
  comparison(): Comparison | undefined
  arithmetic(depth: number): Term
}

export interface Surroundings {
  reader: Cursor
  scope: Names
  /** Parameters of each function of the module. */
  arity: ReadonlyMap<string, number>
  package: string
  block: (depth: number, close: string) => Statement[]
}

export function termReader({ reader, scope, arity, block, ...module }: Surroundings): TermReader {
  const { is, take, expect, fail } = reader

  const comparison = (isValue = false): Comparison | undefined => {
    const found = comparisons.find((one) => is(one))
    if (found === undefined) return undefined
    if (found === 'in' && isValue) throw fail('`in` is a statement, and gives no value')
    reader.next()
    reader.lines()
    return found
  }

  const expression = (depth: number): Term => {
    const left = arithmetic(depth)
    const operator = comparison(true)
    return operator === undefined ? left : { kind: 'binary', operator, left, right: arithmetic(depth) }
  }

  const arithmetic = (depth: number, level = 0): Term => {
    const operators = levels[level]
    if (operators === undefined) return primary(depth)
    let left = arithmetic(depth, level + 1)
    for (let count = 0; ; count++) {
      const operator = operators.find((one) => is(one))
      if (operator === undefined) return left
      if (count === depthLimit) throw fail('more operators in a row than are read here')
      reader.next()
      reader.lines()
      left = { kind: 'binary', operator, left, right: arithmetic(depth, level + 1) }
    }
  }

  const primary = (depth: number): Term => {
    if (depth > depthLimit) throw fail('nested too deeply')
    const { kind } = reader.peek()
    if (kind === 'string' || kind === 'raw') return { kind: 'literal', value: text() }
    if (kind === 'number') return number(1)
    if (take('-')) return number(-1)
    if (take('(')) {
      reader.lines()
      const inner = expression(depth + 1)
      reader.lines()
      expect(')')
      return inner
    }
    if (take('[')) return list(depth, 'array', ']')
    if (take('{')) return braces(depth)
    return named(depth)
  }

  const number = (sign: 1 | -1): Term => {
    const { kind } = reader.peek()
    if (kind !== 'number' || (sign === -1 && !reader.peek().adjacent)) throw fail('expecting a number')
    const value = sign * Number(reader.next().text)
    if (!Number.isSafeInteger(value)) throw fail('a number beyond 2^53, which not all readers take alike')
    return { kind: 'literal', value: value === 0 ? 0 : value }
  }

  const text = (): string => {
    const { kind, text: written } = reader.peek()
    if (kind === 'raw') return reader.next().text.slice(1, -1)
    if (kind !== 'string') throw fail('expecting a string')
    try {
      const value = JSON.parse(written) as string
      if (value.isWellFormed()) return reader.next() && value
    } catch {
      // told below
    }
    throw fail('a string that is not JSON')
  }

  const list = (depth: number, shape: 'array' | 'set', close: string): Term => {
    if (reader.find('|') !== null) return comprehension(depth, shape, close)
    return { kind: shape, items: sequence(close, () => expression(depth + 1)) }
  }

  const braces = (depth: number): Term => {
    const isObject = reader.find(':') !== null
    if (reader.find('|') !== null) return comprehension(depth, isObject ? 'object' : 'set', '}')
    reader.lines()
    if (!isObject && !is('}')) return list(depth, 'set', '}')
    const members = sequence('}', (): [string, Term] => {
      const key = text()
      expect(':')
      reader.lines()
      return [key, expression(depth + 1)]
    })
    if (new Set(members.map(([key]) => key)).size < members.length) throw fail('a key of this object stands twice')
    return { kind: 'object', members }
  }

  /** The head is read after the body, which gives its names. */
  const comprehension = (depth: number, shape: 'array' | 'set' | 'object', close: string): Term =>
    scope.inside('body', () => {
      const start = reader.at
      reader.at = (reader.find('|') ?? start) + 1
      const body = block(depth + 1, close)
      const end = reader.at
      reader.at = start
      return scope.inside('member', (): Term => {
        reader.lines()
        const first = expression(depth + 1)
        reader.lines()
        const key = shape === 'object' ? first : null
        if (key !== null) {
          expect(':')
          reader.lines()
        }
        const value = key === null ? first : expression(depth + 1)
        reader.lines()
        expect('|')
        reader.at = end
        return { kind: 'comprehension', shape, key, value, body }
      })
    })

  const named = (depth: number): Term => {
    const token = reader.peek()
    const head = reader.name()
    if (head === 'true' || head === 'false') return { kind: 'literal', value: head === 'true' }
    if (head === 'null') return { kind: 'literal', value: null }
    const ahead = dottedCall()
    if (ahead !== null) {
      reader.at += ahead
      const called = [head, ...reader.behind(ahead)].join('')
      const base = invocation(called, depth)
      const path = steps(depth)
      return path.length === 0 ? base : { kind: 'index', base, path }
    }
    scope.use(token)
    if (arity.has(head)) throw fail(`${head} is a function: it needs its values`)
    const path = steps(depth)
    const [first] = path
    if (path.length > 0) scope.looksInto(token, 'name')
    if (head === 'data' && (typeof first !== 'string' || first === module.package))
      throw reader.fail('`data` needs a member, and rules are named without it', token)
    return { kind: 'ref', head, path }
  }

  /** How many tokens of a dotted name stand in front of a bracket of a call; null where there is no call. */
  const dottedCall = (): number | null => {
    let ahead = 0
    while (reader.peek(ahead).text === '.' && reader.peek(ahead + 1).kind === 'name') ahead += 2
    const next = reader.peek(ahead)
    return next.text === '(' && next.kind === 'mark' && next.adjacent ? ahead : null
  }

  const steps = (depth: number): Step[] => {
    const path: Step[] = []
    while (reader.peek().adjacent) {
      if (path.length > pathLimit) throw fail(`a path of more than ${pathLimit} parts`)
      if (take('.')) path.push(reader.name())
      else if (take('[')) {
        path.push(step(depth))
        expect(']')
      } else break
    }
    return path
  }

  const step = (depth: number): Step => {
    const token = reader.peek()
    if (token.kind === 'name' && reader.peek(1).text === ']' && !['true', 'false', 'null'].includes(token.text)) {
      if (scope.binds(token)) return { kind: 'bind', name: reader.name() }
    }
    const inner = expression(depth + 1)
    if (inner.kind === 'literal') return typeof inner.value === 'string' ? inner.value : inner
    scope.looksInto(token, 'index')
    return inner
  }

  const invocation = (called: string, depth: number): Term => {
    const token = reader.peek()
    const wanted = functions.get(called)?.arity ?? arity.get(called)
    if (wanted === undefined) throw fail(`function ${called} is not understood`)
    if (!functions.has(called)) scope.use({ ...token, text: called })
    expect('(')
    if (called === 'set') {
      expect(')')
      return { kind: 'set', items: [] }
    }
    const args = sequence(')', () => expression(depth + 1))
    if (args.length !== wanted) throw fail(`${called} takes ${wanted} values, not ${args.length}`, token)
    return { kind: 'call', name: called, args }
  }

  const sequence = <T>(close: string, item: () => T): T[] => {
    const items: T[] = []
    for (let computed = 0; ;) {
      reader.lines()
      if (take(close)) return items
      if (!['string', 'number'].includes(reader.peek().kind) && computed++ === computedLimit)
        throw fail(`more than ${computedLimit} computed items`)
      items.push(item())
      reader.lines()
      if (!take(',')) {
        expect(close)
        return items
      }
    }
  }

  return { expression, comparison, arithmetic }
}
