import { data, Evaluator, Lexer, Parser } from '@actions/expressions'
import type { FunctionDefinition } from '@actions/expressions/funcs/info'

export type Contexts = Readonly<Record<string, unknown>>

/** What `success()` and its kin say. */
export interface Status {
  failed: boolean
  cancelled: boolean
}

const contextNames = ['github', 'env', 'steps', 'needs', 'inputs', 'secrets', 'vars', 'runner', 'job', 'jobs']

/** Value of one expression, without its braces. Unknown contexts and functions are errors, as on GitHub. */
export function evaluate(text: string, contexts: Contexts, status: Status): data.ExpressionData {
  const functions = statusFunctions(status)
  const { tokens } = new Lexer(text).lex()
  const tree = new Parser(tokens, contextNames, [...functions.values()]).parse()
  return new Evaluator(tree, toData(contexts) as data.Dictionary, functions).evaluate()
}

/** Replaces every `${{ … }}` of a text. */
export function interpolate(text: unknown, contexts: Contexts, status: Status): string {
  if (text === null || text === undefined) return ''
  return String(text).replace(/\$\{\{([\s\S]*?)\}\}/g, (_all, inner: string) =>
    evaluate(inner.trim(), contexts, status).coerceString(),
  )
}

/** Truth of an `if`: braces may be left out, and `success() &&` is meant unless a status function occurs. */
export function condition(text: unknown, contexts: Contexts, status: Status): boolean {
  const given = text === undefined || text === null || text === '' ? 'success()' : String(text).trim()
  const bare = given.startsWith('${{') && given.endsWith('}}') ? given.slice(3, -2) : given
  const full = /\b(always|success|failure|cancelled)\s*\(/.test(bare) ? bare : `success() && (${bare})`
  return truthy(evaluate(full, contexts, status))
}

function truthy(value: data.ExpressionData): boolean {
  if (value instanceof data.BooleanData) return value.value
  if (value instanceof data.NumberData) return value.value !== 0
  if (value instanceof data.StringData) return value.value !== ''
  return !(value instanceof data.Null)
}

function statusFunctions(status: Status): Map<string, FunctionDefinition> {
  const answers: Record<string, boolean> = {
    always: true,
    success: !status.failed && !status.cancelled,
    failure: status.failed,
    cancelled: status.cancelled,
  }
  return new Map(
    Object.entries(answers).map(([name, answer]) => [
      name,
      { name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(answer) },
    ]),
  )
}

function toData(value: unknown): data.ExpressionData {
  if (value === null || value === undefined) return new data.Null()
  if (typeof value === 'boolean') return new data.BooleanData(value)
  if (typeof value === 'number') return new data.NumberData(value)
  if (typeof value === 'string') return new data.StringData(value)
  if (Array.isArray(value)) return new data.Array(...value.map(toData))
  if (typeof value !== 'object') throw new Error(`a ${typeof value} has no place in a workflow context`)
  return new data.Dictionary(...Object.entries(value).map(([key, v]) => ({ key, value: toData(v) })))
}
