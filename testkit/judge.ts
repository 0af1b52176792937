import { execFileSync } from 'node:child_process'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../src/base/json.ts'
import { peer } from './peers.ts'

/** Asks `sealwright-judge` (tools/judge) many questions at once: `rego` → regorus, `open` → the header types of the guests. */
export function judge(mode: 'rego' | 'open', questions: readonly JsonObject[]): JsonObject[] {
  const input = questions.map((one) => `${JSON.stringify(one)}\n`).join('')
  const out = execFileSync(peer('sealwright-judge'), [mode], { input, maxBuffer: 1 << 28 }).toString()
  const answers = out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseJson(line, 'answer of the judge'))
  if (answers.length !== questions.length) throw new Error(`${answers.length} answers to ${questions.length} questions`)
  return answers.map((one) => {
    if (!isObject(one)) throw new Error('an answer of the judge is not an object')
    return one
  })
}

/** The value that regorus gave, `undefined` for a rule without one. @throws Error with its words where it gave none */
export function judged(answer: JsonObject): JsonValue | undefined {
  if (answer['error'] !== undefined) throw new Error(JSON.stringify(answer['error']))
  return answer['value']
}
