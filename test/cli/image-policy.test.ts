import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from '../../testkit/ports.ts'
import { door } from './tee/door.ts'

interface Shown {
  rules: { scope: string; demands: string[] }[]
  faults: string[]
}

const dir = scratch('image-policy-cli')
const file = (name: string, value: unknown): string => {
  writeFileSync(join(dir, name), JSON.stringify(value))
  return join(dir, name)
}
const rule = 'registry.example.org/team/app=kbs:///default/cosign-public-key/app'
const reject = [{ type: 'reject' }]

test('what is made is strict, and check finds nothing in it', async () => {
  const path = join(dir, 'policy.json')
  expect(await door('image-policy make', '--rule', rule, '--output', path)).toMatchObject({
    code: 0,
    outputs: { path },
  })
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ default: reject })
  const { code, outputs } = await door<Shown>('image-policy check', path)
  expect(code).toBe(0)
  expect(outputs).toEqual({
    rules: [
      {
        scope: 'registry.example.org/team/app',
        demands: ['sigstoreSigned by kbs:///default/cosign-public-key/app, matchRepository'],
      },
      { scope: 'the default', demands: ['rejects'] },
    ],
    faults: [],
  })
  const one = await door<Shown>('image-policy check', path, '--image', 'registry.example.org/team/other')
  expect(one.outputs.rules).toEqual([{ scope: 'the default', demands: ['rejects'] }])
})

test('the same policy goes to stdout without --output', async () => {
  const { text } = await door('image-policy make', '--rule', rule)
  expect(JSON.parse(text)).toHaveProperty('transports.docker')
})

test.each([
  ['no key', 'registry.example.org/team/app'],
  ['a tag', 'registry.example.org/team/app:1=kbs:///a/b/c'],
  ['a key elsewhere', 'registry.example.org/team/app=/etc/key.pub'],
  ['one image twice', `${rule},${rule}`],
  ['the policy as key', 'registry.example.org/team/app=kbs:///default/security-policy/test'],
])('make refuses %s', async (_, text) => {
  const done = await door('image-policy make', ...text.split(',').flatMap((one) => ['--rule', one]))
  expect(done).toMatchObject({ code: 2, error: { code: 'input-invalid' } })
})

test('a weak policy is a refusal; one that takes anything on purpose is not', async () => {
  const anything = file('anything.json', { default: [{ type: 'insecureAcceptAnything' }], transports: {} })
  expect(await door<Shown>('image-policy check', anything)).toMatchObject({
    code: 1,
    outputs: { faults: [expect.stringContaining('takes any image')] },
  })
  expect(await door<Shown>('image-policy check', anything, '--accept-anything')).toMatchObject({ code: 0 })
  const empty = file('empty.json', { default: [], transports: {} })
  expect((await door<Shown>('image-policy check', empty, '--accept-anything')).code).toBe(1)
})

test('a misspelled member, which guests skip, is named', async () => {
  const signed = { type: 'sigstoreSigned', keyPath: 'kbs:///a/b/c', signedidentity: { type: 'matchRepository' } }
  const path = file('misspelled.json', { default: reject, transports: { docker: { 'r.example': [signed] } } })
  const { code, outputs } = await door<Shown>('image-policy check', path)
  expect(code).toBe(1)
  expect(outputs.faults).toContain('transports.docker.r.example[0].signedidentity: guests skip this member')
})

test('a policy that guests cannot read is a refusal', async () => {
  const path = file('unknown.json', { default: [{ type: 'signedByFulcio' }], transports: {} })
  expect(await door('image-policy check', path)).toMatchObject({ code: 1, error: { code: 'format-invalid' } })
})
