import type { Module, Rule, Statement, Term } from './ast.ts'
import { policyError, tokens, type Token } from './tokens.ts'

const depthLimit = 32
const operators = ['==', '!=', '>', 'in'] as const

/** Reads the part of Rego that we know. @throws InputError `file-invalid` with line and column for anything else */
export function parseRego(text: string): Module {
  const list = tokens(text)
  let at = 0
  const peek = (ahead = 0): Token =>
    list[Math.min(at + ahead, list.length - 1)] ?? { kind: 'end', text: '', line: 1, column: 1 }
  const fail = (why: string): Error => policyError(peek().line, peek().column, why)
  const next = (): Token => {
    const token = peek()
    at++
    return token
  }
  const is = (text_: string): boolean => peek().text === text_ && peek().kind !== 'string'
  const take = (text_: string): boolean => (is(text_) ? (at++, true) : false)
  const expect = (text_: string): void => {
    if (!take(text_)) throw fail(`expecting \`${text_}\``)
  }
  const lines = (): void => {
    while (peek().kind === 'line' || is(';')) at++
  }
  const name = (): string => {
    if (peek().kind !== 'name') throw fail('expecting a name')
    return next().text
  }

  const term = (depth = 0): Term => {
    if (depth > depthLimit) throw fail('nested too deeply')
    const token = peek()
    if (token.kind === 'string') return { kind: 'literal', value: quoted() }
    if (token.kind === 'number') return { kind: 'literal', value: Number(next().text) }
    if (take('[')) {
      return { kind: 'array', items: sequence(']', () => term(depth + 1)) }
    }
    if (take('{')) {
      return {
        kind: 'object',
        members: sequence('}', (): [string, Term] => {
          const key = quoted()
          expect(':')
          return [key, term(depth + 1)]
        }),
      }
    }
    const head = name()
    if (head === 'true' || head === 'false') return { kind: 'literal', value: head === 'true' }
    if (head === 'null') return { kind: 'literal', value: null }
    if (is('(')) return invocation(head, depth)
    const path: string[] = []
    for (;;) {
      if (take('.')) path.push(name())
      else if (take('[')) {
        path.push(quoted())
        expect(']')
      } else return { kind: 'ref', head, path }
    }
  }

  const quoted = (): string => {
    if (peek().kind !== 'string') throw fail('expecting a string')
    try {
      return JSON.parse(next().text) as string
    } catch {
      throw fail('a string that is not JSON')
    }
  }

  const sequence = <T>(close: string, item: () => T): T[] => {
    const items: T[] = []
    for (;;) {
      lines()
      if (take(close)) return items
      items.push(item())
      lines()
      if (!take(',')) {
        expect(close)
        return items
      }
    }
  }

  const invocation = (called: string, depth: number): Term => {
    if (called !== 'count' && called !== 'query_reference_value') throw fail(`function ${called} is not understood`)
    expect('(')
    const argument = term(depth + 1)
    expect(')')
    return { kind: 'call', name: called, argument }
  }

  const statement = (depth: number): Statement => {
    if (is('every')) {
      next()
      const variable = name()
      expect('in')
      const domain = term()
      return { kind: 'every', variable, domain, body: block(depth + 1) }
    }
    const left = term()
    const operator = operators.find((text_) => is(text_))
    if (operator === undefined) return { kind: 'holds', term: left }
    next()
    return { kind: 'compare', left, operator, right: term() }
  }

  const block = (depth = 0): Statement[] => {
    if (depth > depthLimit) throw fail('nested too deeply')
    expect('{')
    const body: Statement[] = []
    for (lines(); !take('}'); lines()) {
      body.push(statement(depth))
      if (peek().kind !== 'line' && !is(';') && !is('}')) throw fail('expecting the end of the statement')
    }
    if (body.length === 0) throw fail('expecting expression')
    return body
  }

  const readRule = (): Rule => {
    const isDefault = take('default')
    const called = name()
    const value: Term = take(':=') ? term() : { kind: 'literal', value: true }
    if (isDefault) return { name: called, isDefault, value, body: [] }
    if (take('if')) return { name: called, isDefault, value, body: is('{') ? block() : [statement(0)] }
    if (is('{')) throw fail('`if` keyword is required before rule body')
    return { name: called, isDefault, value, body: [] }
  }

  lines()
  if (!take('package')) throw fail('expecting `package` Missing package declaration.')
  if (name() !== 'policy') throw fail('expecting package policy')
  lines()
  if (take('import')) {
    if (name() !== 'rego' || !take('.') || name() !== 'v1') throw fail('only rego.v1 can be imported')
  }
  const rules: Rule[] = []
  for (lines(); peek().kind !== 'end'; lines()) {
    rules.push(readRule())
    if (peek().kind !== 'line' && peek().kind !== 'end') throw fail('expecting the end of the rule')
  }
  return { rules }
}
