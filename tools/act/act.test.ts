import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readNodes, shortcomings } from './check.ts'
import { outputOf, readLine, type Output } from './events.ts'
import { scratch } from '../../testkit/ports.ts'

const good: Output[] = [
  { job: 'publish', step: '1', name: 'key-id', value: 'one' },
  { job: 'deploy', step: '1', name: 'key-id', value: 'two' },
  { job: 'deploy', step: 'gate', name: 'verified', value: 'true' },
  { job: 'deploy', step: 'gate', name: 'vsa-digest', value: 'sha256:aa' },
]
const nodes = ['v24.21.0 /w/dist/sbom/index.js']
const without = (name: string): Output[] => good.filter((output) => output.name !== name)

test("act's log: step outputs, text, and what is no JSON", () => {
  const line = '{"command":"set-output","name":"verified","arg":"true","jobID":"deploy","stepID":["gate"],"msg":"out"}'
  expect(readLine(line).output).toEqual({ job: 'deploy', step: 'gate', name: 'verified', value: 'true' })
  expect(readLine('{"jobID":"deploy","msg":"hello\\n"}')).toEqual({ text: 'deploy | hello', output: null })
  expect(readLine('Error: job failed')).toEqual({ text: 'Error: job failed', output: null })
  expect(outputOf(good, 'publish', 'verified')).toBeNull()
})

test('a good run has no shortcoming', () => {
  expect(shortcomings(good, nodes)).toEqual([])
})

test.each<[string, Output[], string[]]>([
  ['verified=(none)', without('verified'), nodes],
  [
    'verified=false',
    [...without('verified'), { job: 'deploy', step: 'gate', name: 'verified', value: 'false' }],
    nodes,
  ],
  ['no verification summary', without('vsa-digest'), nodes],
  ['an agent each', [{ job: 'publish', step: '1', name: 'key-id', value: 'two' }, ...good.slice(1)], nodes],
  ['an agent each', without('key-id'), nodes],
  ['not under Node 24: v20.1.0 /w/dist/sbom/index.js', good, ['v20.1.0 /w/dist/sbom/index.js', ...nodes]],
  ['no action of dist/', good, []],
])('%s is a shortcoming', (words, outputs, seen) => {
  const found = shortcomings(outputs, seen)
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(words)
})

test('only programs of dist/ are counted', () => {
  const path = join(scratch('nodes'), 'nodes.txt')
  expect(readNodes(path)).toEqual([])
  writeFileSync(
    path,
    'v24.21.0 /w/dist/setup-cvm-runner/post.js\nv20.0.0 /usr/bin/npm\nv24.21.0 /w/dist/bundle/9.index.js\n',
  )
  expect(readNodes(path)).toEqual(['v24.21.0 /w/dist/setup-cvm-runner/post.js'])
})
