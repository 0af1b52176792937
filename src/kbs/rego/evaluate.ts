import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { Module, Rule, Statement, Step, Term } from './ast.ts'
import { calculate, functions, isRelated, look, type Calls } from './functions.ts'
import { needed } from './needed.ts'
import { canonical, entries, invalid, isMap, meter, RegoSet, sameValue, toJson, type Value } from './value.ts'

/** What a policy can see. */
export interface World {
  input: JsonValue | undefined
  data?: JsonObject | undefined
  /** `query_reference_value`: the value, or null. */
  referenceValue?: ((id: string) => JsonValue) | undefined
}

/** What `query_reference_value` gives where the reference values are these, by id. */
export function referenceValuesOf(values: Readonly<Record<string, JsonValue>>): (id: string) => JsonValue {
  return (id) => (Object.hasOwn(values, id) ? (values[id] ?? null) : null)
}

/** Local names and their values, the newest first. */
type Scope = { name: string; value: Value; outer: Scope } | null
type Clause = Pick<Rule, 'value' | 'body'>

/** Rules and calls inside of one another. */
const depthLimit = 64

/**
 * Value of a rule as Rego defines it: undefined makes a statement fail, several values of one rule are a conflict.
 *
 * @returns undefined where no rule holds and there is no default
 * @throws VerificationError `policy-invalid` for conflicting values, values of the wrong kind, rules that need themselves, too many steps
 */
export function evaluateRule(module: Module, name: string, world: World): JsonValue | undefined {
  const value = evaluator(module, world)(name)
  return value === undefined ? undefined : toJson(value)
}

function evaluator(module: Module, world: World): (name: string) => Value | undefined {
  const spend = meter()
  const calls: Calls = { spend, referenceValue: (id) => world.referenceValue?.(id) ?? null }
  const byName = Map.groupBy(module.rules, (one) => one.name)
  const known = new Map<string, Value | undefined>()
  const running = new Set<string>()

  const rule = (name: string, args: readonly Value[] = []): Value | undefined => {
    if (args.length === 0 && known.has(name)) return known.get(name)
    if (running.has(name)) throw invalid(`rule ${name} needs itself`)
    if (running.size >= depthLimit) throw invalid(`rules need each other over more than ${depthLimit} levels`)
    running.add(name)
    const value = settle(byName.get(name) ?? [], name, args)
    running.delete(name)
    if (args.length === 0) known.set(name, value)
    return value
  }

  const settle = (rules: readonly Rule[], name: string, args: readonly Value[]): Value | undefined => {
    const values: Value[] = []
    for (const one of rules) {
      if (one.isDefault) continue
      const scope = (one.parameters ?? []).reduce<Scope>((outer, own, at) => bound(own, args[at] ?? null, outer), null)
      for (const value of clauses(one, scope)) values.push(value)
    }
    if (rules.some(({ isMember }) => isMember === true)) return new RegoSet(values, spend)
    const [value, ...others] = values
    if (value !== undefined) {
      if (others.every((other) => sameValue(other, value, spend))) return value
      throw invalid(`rule conflicts with the following rule: ${name}`)
    }
    const fallback = rules.find(({ isDefault }) => isDefault)
    return fallback === undefined ? undefined : first(term(fallback.value, null))?.[0]
  }

  function* clauses(one: Rule, scope: Scope): Generator<Value> {
    const inOrder: Clause[] = [one, ...(one.otherwise ?? [])]
    for (const { value, body } of inOrder) {
      let holds = false
      for (const found of solve(body, scope)) {
        for (const [result] of term(value, found)) {
          holds = true
          yield result
        }
      }
      if (holds) return
    }
  }

  /** Every way to make all statements hold. */
  function* solve(body: readonly Statement[], scope: Scope, at = 0): Generator<Scope> {
    const statement = body[at]
    if (statement === undefined) yield scope
    else for (const found of one(statement, scope)) yield* solve(body, found, at + 1)
  }

  function* one(statement: Statement, scope: Scope): Generator<Scope> {
    spend(1)
    switch (statement.kind) {
      case 'holds':
        for (const [value, found] of term(statement.term, scope)) if (value !== false) yield found
        return
      case 'compare':
        for (const [left, right, found] of both(statement.left, statement.right, scope))
          if (isRelated(left, statement.operator, right, spend)) yield found
        return
      case 'not':
        if (!some(one(statement.statement, scope))) yield scope
        return
      case 'assign':
        for (const [value, found] of term(statement.value, scope)) yield bound(statement.variable, value, found)
        return
      case 'declare':
        yield scope
        return
      case 'some':
        for (const [domain, found] of term(statement.domain, scope))
          for (const [key, value] of entries(domain, spend) ?? noCollection()) yield named(statement, key, value, found)
        return
      case 'every':
        for (const [domain, found] of term(statement.domain, scope)) {
          const each = entries(domain, spend)?.map(([key, value]) =>
            some(solve(statement.body, named(statement, key, value, found))),
          )
          if (each?.every((holds) => holds) === true) yield found
        }
    }
  }

  const named = (
    { variable, key: name }: { variable: string; key?: string },
    key: Value,
    value: Value,
    outer: Scope,
  ): Scope => bound(variable, value, name === undefined ? outer : bound(name, key, outer))

  /** Values of both sides. The right side is evaluated where the left has no value too: regorus fails with what fails there. */
  function* both(left: Term, right: Term, scope: Scope): Generator<[Value, Value, Scope]> {
    let any = false
    for (const [a, then] of term(left, scope)) {
      any = true
      for (const [b, found] of term(right, then)) yield [a, b, found]
    }
    if (!any) some(term(right, scope))
  }

  /** Every value of a term, with what it binds. */
  function* term(of: Term, scope: Scope): Generator<[Value, Scope]> {
    spend(1)
    switch (of.kind) {
      case 'literal':
        yield [of.value, scope]
        return
      case 'array':
        yield* all(of.items, scope)
        return
      case 'set':
        for (const [items, found] of all(of.items, scope)) yield [new RegoSet(items, spend), found]
        return
      case 'object':
        for (const [items, found] of all(
          of.members.map(([, item]) => item),
          scope,
        ))
          yield [Object.fromEntries(of.members.map(([name], at) => [name, items[at] ?? null])), found]
        return
      case 'ref': {
        const start = head(of.head, scope)
        if (start !== undefined) yield* walk(start, of.path, scope)
        return
      }
      case 'index':
        for (const [base, found] of term(of.base, scope)) yield* walk(base, of.path, found)
        return
      case 'call':
        for (const [args, found] of all(of.args, scope)) {
          const builtin = functions.get(of.name)
          const value = builtin === undefined ? rule(of.name, args) : builtin.run(args, calls)
          if (value !== undefined) yield [value, found]
        }
        return
      case 'binary':
        for (const [left, right, found] of both(of.left, of.right, scope))
          yield [binary(left, of.operator, right), found]
        return
      case 'comprehension':
        yield [comprehension(of, scope), scope]
    }
  }

  const binary = (left: Value, operator: string, right: Value): Value =>
    '+-*/%&'.includes(operator) ? calculate(left, operator, right, spend) : isRelated(left, operator, right, spend)

  function* all(
    terms: readonly Term[],
    scope: Scope,
    from = 0,
    before: readonly Value[] = [],
  ): Generator<[Value[], Scope]> {
    const values = [...before]
    for (const [at, next] of terms.entries()) {
      if (at < from) continue
      spend(1)
      if (next.kind === 'literal') values.push(next.value)
      else {
        let any = false
        for (const [value, found] of term(next, scope)) {
          any = true
          yield* all(terms, found, at + 1, [...values, value])
        }
        if (!any) for (const later of terms.slice(at + 1)) some(term(later, scope))
        return
      }
    }
    yield [values, scope]
  }

  function* walk(value: Value, path: readonly Step[], scope: Scope, at = 0): Generator<[Value, Scope]> {
    const step = path[at]
    if (step === undefined) {
      yield [value, scope]
      return
    }
    spend(1)
    if (typeof step === 'string') {
      const inner = look(value, step)
      if (inner !== undefined) yield* walk(inner, path, scope, at + 1)
    } else if (step.kind === 'bind') {
      for (const [key, inner] of entries(value, spend) ?? []) {
        spend(1)
        yield* walk(inner, path, bound(step.name, key, scope), at + 1)
      }
    } else {
      for (const [key, found] of term(step, scope)) {
        if (typeof value !== 'object' || value === null) throw invalid('an index into what is no collection')
        // OPA finds the member "2" of data by the number 2.
        if (typeof key === 'number' && isMap(value)) throw invalid('a number as the key of an object')
        const inner = look(value, key)
        if (inner !== undefined) yield* walk(inner, path, found, at + 1)
      }
    }
  }

  const comprehension = ({ shape, key, value, body }: Term & { kind: 'comprehension' }, scope: Scope): Value => {
    const items: Value[] = []
    const members = new Map<string, Value>()
    for (const found of solve(body, scope)) {
      for (const [item, then] of term(value, found)) {
        if (key === null) items.push(item)
        for (const [name] of key === null ? [] : term(key, then)) {
          if (typeof name !== 'string') throw invalid('a key of an object that is not a text')
          const before = members.get(name)
          if (before !== undefined && canonical(before, spend) !== canonical(item, spend))
            throw invalid(`an object has two values for "${name}"`)
          members.set(name, item)
        }
      }
    }
    if (shape === 'object') return Object.fromEntries(members)
    return shape === 'set' ? new RegoSet(items, spend) : items
  }

  const head = (name: string, scope: Scope): Value | undefined => {
    for (let at = scope; at !== null; at = at.outer) if (at.name === name) return at.value
    if (name === 'input') return world.input
    if (name === 'data') return world.data ?? {}
    return rule(name)
  }

  return (name) => {
    const value = rule(name)
    // regorus also evaluates what cannot change the value any more, and fails with it.
    for (const other of needed(name, byName)) if (byName.get(other)?.[0]?.parameters === undefined) rule(other)
    return value
  }
}

function bound(name: string, value: Value, outer: Scope): Scope {
  return name === '_' ? outer : { name, value, outer }
}

/** Whether there is any, all of them tried: what fails there fails in regorus too. */
function some(found: Iterable<unknown>): boolean {
  let any = false
  for (const _ of found) any = true
  return any
}

function noCollection(): never {
  throw invalid('`some … in` needs a collection')
}

function first<T>(found: Iterable<T>): T | undefined {
  for (const one of found) return one
  return undefined
}
