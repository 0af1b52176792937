import { VerificationError } from '../../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Module, Rule, Statement, Term } from './ast.ts'

/** What a policy can see. */
export interface World {
  input: JsonValue
  data?: JsonObject | undefined
  /** `query_reference_value`: the value, or null. */
  referenceValue?: ((id: string) => JsonValue) | undefined
}

type Scope = Readonly<Record<string, JsonValue>>

/**
 * Value of a rule as Rego defines it: undefined makes a statement fail, several values of one rule are a conflict.
 *
 * @returns undefined where no rule holds and there is no default
 * @throws VerificationError `policy-invalid` for conflicting values or rules that need themselves
 */
export function evaluateRule(module: Module, name: string, world: World): JsonValue | undefined {
  return evaluator(module, world).rule(name)
}

function evaluator(module: Module, world: World): { rule: (name: string) => JsonValue | undefined } {
  const known = new Map<string, JsonValue | undefined>()
  const running = new Set<string>()

  const rule = (name: string): JsonValue | undefined => {
    if (known.has(name)) return known.get(name)
    if (running.has(name)) throw conflict(`rule ${name} needs itself`)
    running.add(name)
    const value = settle(
      module.rules.filter((one) => one.name === name),
      name,
    )
    running.delete(name)
    known.set(name, value)
    return value
  }

  const settle = (rules: readonly Rule[], name: string): JsonValue | undefined => {
    const values = new Map<string, JsonValue>()
    for (const one of rules) {
      if (one.isDefault || !one.body.every((statement) => holds(statement, {}))) continue
      const value = term(one.value, {})
      if (value !== undefined) values.set(canonical(value), value)
    }
    if (values.size > 1) throw conflict(`rule conflicts with the following rule: ${name}`)
    if (values.size === 1) return [...values.values()][0]
    const fallback = rules.find((one) => one.isDefault)
    return fallback === undefined ? undefined : term(fallback.value, {})
  }

  const holds = (statement: Statement, scope: Scope): boolean => {
    switch (statement.kind) {
      case 'holds': {
        const value = term(statement.term, scope)
        return value !== undefined && value !== false
      }
      case 'every': {
        const domain = term(statement.domain, scope)
        if (typeof domain !== 'object' || domain === null) return false
        return Object.values(domain).every((item: JsonValue) =>
          statement.body.every((inner) => holds(inner, { ...scope, [statement.variable]: item })),
        )
      }
      case 'compare': {
        const left = term(statement.left, scope)
        const right = term(statement.right, scope)
        return left !== undefined && right !== undefined && compare(left, statement.operator, right)
      }
    }
  }

  const term = (one: Term, scope: Scope): JsonValue | undefined => {
    switch (one.kind) {
      case 'literal':
        return one.value
      case 'array': {
        const items = one.items.map((item) => term(item, scope))
        return items.includes(undefined) ? undefined : (items as JsonValue[])
      }
      case 'object': {
        const members = one.members.map(([name, item]) => [name, term(item, scope)] as const)
        return members.some(([, item]) => item === undefined) ? undefined : (Object.fromEntries(members) as JsonObject)
      }
      case 'ref':
        return one.path.reduce<JsonValue | undefined>(member, head(one.head, scope))
      case 'call': {
        const argument = term(one.argument, scope)
        if (one.name === 'count') return size(argument)
        return typeof argument === 'string' ? (world.referenceValue?.(argument) ?? null) : undefined
      }
    }
  }

  const head = (name: string, scope: Scope): JsonValue | undefined => {
    if (Object.hasOwn(scope, name)) return scope[name]
    if (name === 'input') return world.input
    if (name === 'data') return world.data ?? {}
    return rule(name)
  }

  return { rule }
}

function member(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

function size(value: JsonValue | undefined): number | undefined {
  if (typeof value === 'string') return [...value].length
  return typeof value === 'object' && value !== null ? Object.keys(value).length : undefined
}

function compare(left: JsonValue, operator: '==' | '!=' | '>' | 'in', right: JsonValue): boolean {
  switch (operator) {
    case '==':
      return canonical(left) === canonical(right)
    case '!=':
      return canonical(left) !== canonical(right)
    case '>':
      return typeof left === 'number' && typeof right === 'number' && left > right
    case 'in':
      if (typeof right !== 'object' || right === null) return false
      return Object.values(right).some((item: JsonValue) => canonical(item) === canonical(left))
  }
}

/** Equality of values whatever the order of members (JCS takes integers only, claims may hold others). */
function canonical(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  const names = Object.keys(value).sort()
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name] ?? null)}`).join(',')}}`
}

function conflict(why: string): VerificationError {
  return new VerificationError('policy-invalid', `the policy cannot be evaluated: ${why}`, { subject: 'policy' })
}
