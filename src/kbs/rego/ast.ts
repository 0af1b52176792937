import type { JsonValue } from '../../base/json.ts'

/** The part of Rego (v1) that we generate, read and evaluate ourselves; everything else is refused (docs/rego.md). */
export interface Module {
  rules: Rule[]
}

export interface Rule {
  name: string
  /** `default name := literal`. */
  isDefault: boolean
  value: Term
  body: Statement[]
  /** A function's parameters. */
  parameters?: string[]
  /** `name contains value`: the rule is a set, this is a member of it. */
  isMember?: true
  /** `else := value if { … }`, in order. */
  otherwise?: { value: Term; body: Statement[] }[]
}

export type Comparison = '==' | '!=' | '>' | '>=' | '<' | '<=' | 'in'
export type Arithmetic = '+' | '-' | '*' | '/' | '%' | '&'

export type Statement =
  | { kind: 'every'; variable: string; key?: string; domain: Term; body: Statement[] }
  | { kind: 'some'; variable: string; key?: string; domain: Term }
  /** `some x`: the name is bound by a later index. */
  | { kind: 'declare'; variables: string[] }
  | { kind: 'assign'; variable: string; value: Term }
  | { kind: 'not'; statement: Statement }
  | { kind: 'compare'; left: Term; operator: Comparison; right: Term }
  | { kind: 'holds'; term: Term }

export type Term =
  | { kind: 'literal'; value: null | boolean | number | string }
  | { kind: 'array'; items: Term[] }
  | { kind: 'set'; items: Term[] }
  | { kind: 'object'; members: [string, Term][] }
  | { kind: 'ref'; head: string; path: Step[] }
  /** What a call gives, looked into. */
  | { kind: 'index'; base: Term; path: Step[] }
  | { kind: 'call'; name: string; args: Term[] }
  | { kind: 'binary'; operator: Comparison | Arithmetic; left: Term; right: Term }
  | { kind: 'comprehension'; shape: 'array' | 'set' | 'object'; key: Term | null; value: Term; body: Statement[] }

/** A member by name, by the value of a term, or every one: `bind` gives its key a name (`_` for none). */
export type Step = string | Term | { kind: 'bind'; name: string }

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

export function call(name: string, ...args: Term[]): Term {
  return { kind: 'call', name, args }
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

/** What a rule is where none of its bodies holds. */
export function fallback(name: string, value: JsonValue): Rule {
  return { name, isDefault: true, value: literal(value), body: [] }
}

/** A claim is a reference value, or one of a list of them. */
export function referenceValue(left: Term, operator: '==' | 'in', id: string): Statement {
  return { kind: 'compare', left, operator, right: call('query_reference_value', literal(id)) }
}

/** The rule that Trustee asks an attestation policy for: each claim as the rule of its name has it. */
export function trustClaimsRule(claims: readonly string[]): Rule {
  return rule('trust_claims', [], { kind: 'object', members: claims.map((name): [string, Term] => [name, ref(name)]) })
}
