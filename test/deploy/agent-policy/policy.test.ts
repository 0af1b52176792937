import { agentPolicy } from '../../../src/deploy/agent-policy/write.ts'
import { evaluateRule } from '../../../src/kbs/rego/evaluate.ts'
import { parseRego } from '../../../src/kbs/rego/parse.ts'
import { judge, judged } from '../../../testkit/judge.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { wanted } from './requests.ts'
import { asked, policy } from './rows.ts'

// Each request by our evaluator, and by regorus, which the agent runs.

const module = parseRego(policy, 'agent_policy')

test.each(asked)('%s (%s): our evaluator', (_, rule, input, expected) => {
  expect(evaluateRule(module, rule, { input })).toBe(expected)
})

withPeers(['sealwright-judge'], 'regorus decides alike', () => {
  const answers = judge(
    'rego',
    asked.map(([, rule, input]) => ({ policy, rule: `data.agent_policy.${rule}`, input })),
  )
  expect(answers.map((answer, at) => [asked[at]?.[0], judged(answer)])).toEqual(
    asked.map(([name, , , expected]) => [name, expected]),
  )
  return Promise.resolve()
})

test('logs are given where they are wanted, and nothing else changes', () => {
  const open = agentPolicy({ ...wanted, logs: true })
  expect(evaluateRule(parseRego(open, 'agent_policy'), 'ReadStreamRequest', { input: {} })).toBe(true)
  expect(open.replace('ReadStreamRequest := true', 'ReadStreamRequest := false')).toBe(policy)
})

test('texts of an image cannot end a text of the policy', () => {
  const odd = agentPolicy({ ...wanted, args: ['"}\ndefault ExecProcessRequest := true', '\\'], env: ['A="'] })
  expect(odd.match(/^default ExecProcessRequest/gm)).toHaveLength(1)
  expect(evaluateRule(parseRego(odd, 'agent_policy'), 'ExecProcessRequest', { input: {} })).toBe(false)
})
