import { isDeepStrictEqual } from 'node:util'
import { readFileSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { isObject, type JsonObject, type JsonValue } from '../../src/base/json.ts'
import { evaluateRule } from '../../src/kbs/rego/evaluate.ts'
import { parseRego } from '../../src/kbs/rego/parse.ts'
import { goModule } from '../../testkit/go-module.ts'
import { withPeers } from '../../testkit/peers.ts'

const version = 'v1.22.2'

/** `data.package.rule = x` over one module: what our evaluator can be asked. */
const query = /^data\.([a-z0-9_]+)\.([A-Za-z0-9_]+) = x$/

type Outcome = 'same' | 'unread' | 'unevaluated' | 'unasked' | { differs: string }

function ask(one: JsonObject): Outcome {
  const [, name = '', rule = ''] = query.exec(String(one['query'])) ?? []
  const modules = Array.isArray(one['modules']) ? one['modules'] : []
  const [text] = modules
  if (rule === '' || modules.length !== 1 || typeof text !== 'string' || 'input_term' in one) return 'unasked'
  let outcome: Outcome = 'unread'
  try {
    const module = parseRego(text, name)
    outcome = 'unevaluated'
    const data = isObject(one['data']) ? one['data'] : {}
    const value = evaluateRule(module, rule, { input: one['input'], data })
    return isWanted(one, value) ? 'same' : { differs: `${JSON.stringify(value)}\n${JSON.stringify(one, null, 1)}` }
  } catch (error) {
    if (typeof error !== 'object' || error === null || !('code' in error)) throw error
    if (error.code === 'file-invalid' || error.code === 'policy-invalid') return outcome
    throw error
  }
}

function isWanted(one: JsonObject, value: JsonValue | undefined): boolean {
  const results = one['want_result']
  if (!Array.isArray(results)) return false
  const wanted = isObject(results[0]) ? results[0]['x'] : undefined
  const form = (of: JsonValue | undefined): JsonValue | undefined =>
    one['sort_bindings'] === true && Array.isArray(of)
      ? of.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
      : of
  return isDeepStrictEqual(form(value), form(wanted))
}

withPeers(['go'], `OPA's cases of the language (${version}): its value, or a refusal`, () => {
  const folder = join(goModule(`github.com/open-policy-agent/opa@${version}`), 'v1/test/cases/testdata/v1')
  const tally = { same: 0, unread: 0, unevaluated: 0, unasked: 0 }
  const differ: string[] = []
  for (const file of globSync('**/*.yaml', { cwd: folder }).toSorted()) {
    const { cases } = parse(readFileSync(join(folder, file), 'utf8'), { uniqueKeys: false }) as { cases: JsonObject[] }
    for (const one of cases) {
      const outcome = ask(one)
      if (typeof outcome === 'string') tally[outcome]++
      else differ.push(`${file}: ${outcome.differs}`)
    }
  }
  console.log(`OPA ${version}: ${JSON.stringify({ ...tally, differ: differ.length })}`)
  expect(differ).toEqual([])
  expect(tally.same).toBeGreaterThan(190)
  return Promise.resolve()
})
