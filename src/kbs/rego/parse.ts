import type { Module, Rule, Statement, Term } from './ast.ts'
import { cursor, ruleNames } from './cursor.ts'
import { names } from './names.ts'
import { depthLimit, termReader } from './parse-term.ts'
import { tokens } from './tokens.ts'

/** Rules that need rules that need rules …: deeper ones are refused. */
const chainLimit = 64
const statementLimit = 500

/**
 * Reads the part of Rego that docs/rego.md lists.
 *
 * @param packageName the one package that is read
 * @throws InputError `file-invalid` with line and column for anything else
 */
export function parseRego(text: string, packageName = 'policy'): Module {
  const list = tokens(text)
  const reader = cursor(list)
  const { is, take, expect, fail } = reader
  const expected = ruleNames(list)
  const scope = names(expected, reader)
  const arity = new Map<string, number>()
  const needs = new Map<string, Set<string>>()

  const statement = (depth: number): Statement => {
    const token = reader.peek()
    // regorus would go on with the line above.
    if (is('-') || is('(')) throw fail(`a statement cannot begin with \`${token.text}\``)
    if (take('some')) return some(depth)
    if (take('every')) {
      const variables = pair()
      expect('in')
      const domain = terms.arithmetic(depth)
      reader.lines()
      return scope.inside('every', () => {
        const [variable, key] = variables.map((one) => scope.bind(one))
        const rest = { domain, body: braced(depth + 1) }
        const named = { kind: 'every' as const, variable: variable ?? '_' }
        return key === undefined ? { ...named, ...rest } : { ...named, key, ...rest }
      })
    }
    if (take('not')) return { kind: 'not', statement: scope.inside('not', () => compared(depth, true)) }
    const mark = reader.peek(1).text
    if (token.kind === 'name' && (mark === ':=' || (mark === '=' && scope.isNew(token)))) {
      if (token.text === '_') throw fail('`_` takes no value')
      reader.at += 2
      reader.lines()
      const value = terms.expression(depth)
      return { kind: 'assign', variable: scope.bind(token), value }
    }
    return compared(depth)
  }

  const compared = (depth: number, inNot = false): Statement => {
    if (inNot && (is('some') || is('every') || is('not') || is('{')))
      throw fail(`\`${reader.peek().text}\` cannot stand under \`not\``)
    const left = terms.arithmetic(depth)
    const operator = terms.comparison()
    if (operator !== undefined) return { kind: 'compare', left, operator, right: terms.arithmetic(depth) }
    if (take('=')) {
      reader.lines()
      return { kind: 'compare', left, operator: '==', right: terms.arithmetic(depth) }
    }
    if (is('with')) throw fail('`with` is not understood')
    return { kind: 'holds', term: left }
  }

  /** `x` or `key, x`, the value first. */
  const pair = (): ReturnType<typeof reader.next>[] => {
    const found = [reader.peek()]
    reader.name()
    if (take(',')) {
      found.unshift(reader.peek())
      reader.name()
    }
    return found
  }

  const some = (depth: number): Statement => {
    const found = pair()
    if (take('in')) {
      const domain = terms.arithmetic(depth)
      const [variable = '_', key] = found.map((one) => scope.bind(one))
      return key === undefined ? { kind: 'some', variable, domain } : { kind: 'some', variable, key, domain }
    }
    while (take(',')) {
      found.unshift(reader.peek())
      reader.name()
    }
    return { kind: 'declare', variables: found.reverse().map((one) => scope.declare(one)) }
  }

  const block = (depth: number, close: string): Statement[] => {
    if (depth > depthLimit) throw fail('nested too deeply')
    const body: Statement[] = []
    for (reader.statements(); !take(close); reader.statements()) {
      if (body.length === statementLimit) throw fail(`more than ${statementLimit} statements in one block`)
      body.push(statement(depth))
      scope.settle()
      if (reader.peek().kind !== 'line' && !is(';') && !is(close)) throw fail('expecting the end of the statement')
    }
    if (body.length === 0) throw fail('expecting expression')
    return body
  }
  const braced = (depth = 0): Statement[] => {
    expect('{')
    return block(depth, '}')
  }

  const terms = termReader({ reader, scope, arity, package: packageName, block })

  /** `[:= value] [if body]`: the value is read after the body, which gives its names. */
  const clause = (needsValue: boolean): { value: Term; body: Statement[] } => {
    const hasValue = needsValue || take(':=') || take('=')
    reader.lines()
    const start = reader.at
    const begin = reader.peek().line
    const word = hasValue ? reader.find('if', true) : is('if') ? start : null
    if (!hasValue && word === null) throw fail('expecting `:=` or `if`')
    return scope.inside('body', () => {
      let body: Statement[] = []
      if (word !== null) {
        reader.at = word + 1
        reader.lines()
        body = is('{') ? braced() : [statement(0)]
        scope.settle()
      }
      const end = reader.at
      if (!hasValue) return { value: { kind: 'literal', value: true }, body }
      reader.at = start
      const value = scope.inside('head', () => terms.expression(0))
      if (word !== null) {
        if (reader.at !== word) throw fail(`expecting the end of the value that begins in line ${begin}`)
        reader.at = end
      }
      return { value, body }
    })
  }

  const readRule = (): Rule => {
    const isDefault = take('default')
    const token = reader.peek()
    const name = reader.name()
    const rule = scope.inside('body', (): Rule => {
      const parameters: string[] = []
      const isFunction = !isDefault && is('(') && reader.peek().adjacent
      if (isFunction) {
        reader.next()
        while (!take(')')) {
          parameters.push(scope.bind(reader.peek()))
          reader.name()
          if (!take(',') && !is(')')) throw fail('a parameter of a function is a name')
        }
      }
      if (is('[') || is('.')) throw fail('a rule with a path in its name is not understood: use `contains`')
      if (is('{')) throw fail('`if` keyword is required before rule body')
      if (isDefault) {
        if (!take(':=') && !take('=')) throw fail('expecting `:=`')
        const value = terms.expression(0)
        if (!isConstant(value)) throw fail('the value of a default cannot depend on anything', token)
        return { name, isDefault, value, body: [] }
      }
      const isMember = !isFunction && take('contains')
      const first = clause(isMember)
      const otherwise: { value: Term; body: Statement[] }[] = []
      for (;;) {
        const before = reader.at
        reader.lines()
        if (!take('else')) {
          reader.at = before
          break
        }
        if (isMember) throw fail('`else` cannot follow `contains`')
        otherwise.push(clause(false))
      }
      const extra: Partial<Rule> = {}
      if (isFunction) extra.parameters = parameters
      if (isMember) extra.isMember = true
      if (otherwise.length > 0) extra.otherwise = otherwise
      return { name, isDefault, ...first, ...extra }
    })
    needs.set(name, new Set([...(needs.get(name) ?? []), ...scope.used()]))
    return rule
  }

  reader.statements()
  if (!take('package')) throw fail('expecting `package` Missing package declaration.')
  if (reader.name() !== packageName) throw fail(`expecting package ${packageName}`)
  for (reader.statements(); take('import'); reader.statements()) {
    const path = reader.name() + (take('.') ? `.${reader.name()}` : '')
    if (path === 'future.keywords') {
      if (take('.')) reader.name()
    } else if (path !== 'rego.v1') throw fail('only rego.v1 can be imported')
  }
  // Calls are checked while a rule is read, so the functions that stand below it must be known before.
  const begin = reader.at
  collectFunctions()
  reader.at = begin
  const rules: Rule[] = []
  for (reader.statements(); reader.peek().kind !== 'end'; reader.statements()) {
    rules.push(readRule())
    if (reader.peek().kind !== 'line' && reader.peek().kind !== 'end') throw fail('expecting the end of the rule')
  }
  checkKinds(rules)
  checkChains()
  return { rules }

  function collectFunctions(): void {
    let depth = 0
    for (let first = true; reader.peek().kind !== 'end';) {
      const token = reader.next()
      if (first && depth === 0 && token.kind === 'name' && is('(') && reader.peek().adjacent) {
        // Parameters are plain names, so that each second token is one.
        let count = 0
        while (reader.peek(1 + 2 * count).kind === 'name' && (count === 0 || reader.peek(2 * count).text === ','))
          count++
        const known = arity.get(token.text) ?? count
        if (known !== count)
          throw fail(`the function ${token.text} has ${known} parameters above, and ${count} here`, token)
        arity.set(token.text, count)
      }
      if (token.kind === 'mark' && '([{'.includes(token.text)) depth++
      if (token.kind === 'mark' && ')]}'.includes(token.text)) depth--
      first = token.kind === 'line'
    }
  }

  function checkKinds(all: readonly Rule[]): void {
    for (const name of expected) {
      const same = all.filter((one) => one.name === name)
      const kinds = new Set(same.filter(({ isDefault }) => !isDefault).map((one) => kindOf(one)))
      const defaults = same.filter(({ isDefault }) => isDefault).length
      if (same.length === 0) throw fail(`the line that begins with ${name} is not understood`)
      if (defaults > 1) throw fail(`the rule ${name} has more than one default`)
      if (kinds.size > 1 || (defaults === 1 && kinds.size === 1 && !kinds.has('value')))
        throw fail(`the rule ${name} is written in more than one form`)
    }
  }

  function checkChains(): void {
    const heights = new Map<string, number>()
    const running = new Set<string>()
    const height = (name: string): number => {
      const known = heights.get(name)
      if (known !== undefined) return known
      if (running.has(name)) throw fail(`the rule ${name} needs itself`)
      if (running.size >= chainLimit) throw fail(`rules need each other over more than ${chainLimit} levels`)
      running.add(name)
      let most = 0
      for (const other of needs.get(name) ?? []) most = Math.max(most, height(other))
      running.delete(name)
      heights.set(name, most + 1)
      return most + 1
    }
    for (const name of needs.keys())
      if (height(name) > chainLimit) throw fail(`rules need each other over more than ${chainLimit} levels`)
  }
}

function kindOf(one: Rule): string {
  if (one.parameters !== undefined) return 'function'
  return one.isMember === true ? 'set' : 'value'
}

function isConstant(term: Term): boolean {
  switch (term.kind) {
    case 'literal':
      return true
    case 'array':
    case 'set':
      return term.items.every(isConstant)
    case 'object':
      return term.members.every(([, item]) => isConstant(item))
    default:
      return false
  }
}
