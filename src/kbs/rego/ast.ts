import type { JsonValue } from '../../base/json.ts'

/** The part of Rego (v1) that we generate, read and evaluate ourselves; everything else is not understood and refused. */
export interface Module {
  rules: Rule[]
}

export interface Rule {
  name: string
  /** `default name := literal`. */
  isDefault: boolean
  value: Term
  body: Statement[]
}

export type Statement =
  | { kind: 'every'; variable: string; domain: Term; body: Statement[] }
  | { kind: 'compare'; left: Term; operator: '==' | '!=' | '>' | 'in'; right: Term }
  | { kind: 'holds'; term: Term }

export type Term =
  | { kind: 'literal'; value: null | boolean | number | string }
  | { kind: 'array'; items: Term[] }
  | { kind: 'object'; members: [string, Term][] }
  | { kind: 'ref'; head: string; path: string[] }
  | { kind: 'call'; name: 'count' | 'query_reference_value'; argument: Term }

export function literal(value: JsonValue): Term {
  if (Array.isArray(value)) return { kind: 'array', items: value.map(literal) }
  if (typeof value === 'object' && value !== null) {
    return { kind: 'object', members: Object.entries(value).map(([name, item]) => [name, literal(item)]) }
  }
  return { kind: 'literal', value }
}

export function ref(head: string, ...path: string[]): Term {
  return { kind: 'ref', head, path }
}

export function equal(left: Term, value: JsonValue): Statement {
  return { kind: 'compare', left, operator: '==', right: literal(value) }
}

export function oneOf(left: Term, values: readonly JsonValue[]): Statement {
  return { kind: 'compare', left, operator: 'in', right: literal([...values]) }
}

export function holds(term: Term): Statement {
  return { kind: 'holds', term }
}

export function rule(name: string, body: Statement[], value: Term = literal(true)): Rule {
  return { name, isDefault: false, value, body }
}
