import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../../src/base/json.ts'
import { evaluateRule, referenceValuesOf } from '../../../src/kbs/rego/evaluate.ts'
import { parseRego } from '../../../src/kbs/rego/parse.ts'
import { judge } from '../../../testkit/judge.ts'
import { regoCase, type RegoCase } from './generate.ts'

export interface RegoTally {
  cases: number
  /** We read it and give the value that regorus gives. */
  same: number
  /** Of these: with a value other than undefined and false. */
  telling: number
  unread: number
  unevaluated: number
  findings: string[]
}

type Ours = { value: JsonValue | undefined } | { refused: 'unread' | 'unevaluated'; why: string }

const batch = 2000

/** Generated policies, evaluated by us and by regorus: the same value, or we refuse. */
export function runRego(options: { seed: number; count: number; tell?: (done: number) => void }): RegoTally {
  const tally: RegoTally = { cases: 0, same: 0, telling: 0, unread: 0, unevaluated: 0, findings: [] }
  for (let from = 0; from < options.count; from += batch) {
    const indices = Array.from({ length: Math.min(batch, options.count - from) }, (_, at) => from + at)
    const cases = indices.map((index) => regoCase(options.seed, index))
    const answers = judge(
      'rego',
      cases.map((one) => ({ ...one, rule: 'data.policy.allow' })),
    )
    cases.forEach((one, at) => count(tally, one, answers[at] ?? {}, from + at))
    options.tell?.(tally.cases)
  }
  return tally
}

export function isGoodRego(tally: RegoTally): boolean {
  return tally.findings.length === 0 && tally.telling * 10 > tally.cases
}

export function tellRego({ cases, same, telling, unread, unevaluated, findings }: RegoTally): string {
  return `${cases} policies: ${same} alike (${telling} with a value), ${unread} not read, ${unevaluated} not evaluated, ${findings.length} differ`
}

function count(tally: RegoTally, one: RegoCase, answer: JsonObject, index: number): void {
  tally.cases++
  const ours = evaluate(one)
  if ('refused' in ours) {
    tally[ours.refused]++
    return
  }
  if (answer['error'] === undefined && isDeepStrictEqual(ours.value, answer['value'])) {
    tally.same++
    if (ours.value !== undefined && ours.value !== false) tally.telling++
    return
  }
  tally.findings.push(
    `${index}: ours ${JSON.stringify(ours.value)}, regorus ${JSON.stringify(answer)}\n${one.policy}input ${JSON.stringify(one.input)} data ${JSON.stringify(one.data)} values ${JSON.stringify(one.values)}`,
  )
}

export function evaluate({ policy, input, data, values }: RegoCase): Ours {
  let refused: 'unread' | 'unevaluated' = 'unread'
  try {
    const module = parseRego(policy)
    refused = 'unevaluated'
    const referenceValue = referenceValuesOf(values)
    return { value: evaluateRule(module, 'allow', { input, data, referenceValue }) }
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null
    if (code !== 'file-invalid' && code !== 'policy-invalid') throw error
    return { refused, why: String(error) }
  }
}
