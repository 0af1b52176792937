import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openState } from '../../../src/agent/state.ts'
import { door as kbsPublish } from '../../../src/actions/kbs-publish/main.ts'
import { rawInputs } from '../../../src/doors/raw-inputs.ts'
import { wrapWithKek } from '../../../src/encrypt/packet.ts'
import { parsePlan } from '../../../src/kbs/plan.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { door } from '../tee/door.ts'

const dir = scratch('sealed')
const put = (name: string, content: string | Buffer): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}
const text = (name: string): string => readFileSync(join(dir, name), 'utf8')
const newKey = (name: string): string =>
  put(name, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }))
const key = newKey('sealing.pem')
const resource = 'kbs:///team/secret/db'
const keyUri = 'kbs:///team/sealing-key/1'
const jwk = join(dir, 'sealing.jwk')
const sealed = join(dir, 'db.sealed')

beforeAll(async () => {
  const made = await door(
    'secret seal',
    resource,
    '--key',
    key,
    '--key-uri',
    keyUri,
    '--output',
    sealed,
    '--public-key-output',
    jwk,
  )
  expect(made).toMatchObject({ code: 0, outputs: { type: 'vault', sealed: text('db.sealed') } })
})

test('what was sealed verifies by the public key that was written, and ends without a line break', async () => {
  expect(text('db.sealed')).toMatch(/^sealed\.[\w-]+\.[\w-]+\.[\w-]+$/)
  expect(JSON.parse(text('sealing.jwk'))).not.toHaveProperty('d')
  const opened = await door('secret open', sealed, '--public-key', jwk)
  expect(opened).toMatchObject({
    code: 0,
    outputs: { verified: true, opened: false, target: resource, 'key-uri': keyUri },
  })
})

test('another key, no key and a line break are refused', async () => {
  const other = join(dir, 'other.jwk')
  const by = newKey('other.pem')
  await door(
    'secret seal',
    resource,
    '--key',
    by,
    '--key-uri',
    keyUri,
    '--output',
    join(dir, 'o'),
    '--public-key-output',
    other,
  )
  const codes = [
    await door('secret open', sealed, '--public-key', other),
    await door('secret open', sealed),
    await door('secret open', put('line', `${text('db.sealed')}\n`), '--public-key', jwk),
    await door('secret open', sealed, '--public-key', jwk, '--output', join(dir, 'none')),
  ].map(({ error }) => error?.code)
  expect(codes).toEqual(['signature-invalid', 'input-missing', 'format-invalid', 'input-missing'])
})

test('a public key as PEM is named as such: guests read a JWK', async () => {
  const pem = createPublicKey(readFileSync(key)).export({ type: 'spki', format: 'pem' })
  const { error } = await door('secret open', sealed, '--public-key', put('sealing.pub', pem))
  expect(error).toMatchObject({ code: 'file-invalid', subject: 'public-key' })
  expect(error?.remedy).toContain('--public-key-output')
})

test('a Kubernetes Secret holds the same text', async () => {
  const output = join(dir, 'secret.yml')
  const made = await door<{ sealed: string }>(
    'secret seal',
    resource,
    '--key',
    key,
    '--key-uri',
    keyUri,
    '--kubernetes',
    'db/password',
    '--output',
    output,
  )
  const { parse } = await import('yaml')
  expect(parse(text('secret.yml'))).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'db' },
    type: 'Opaque',
    stringData: { password: made.outputs.sealed },
  })
})

test('an envelope opens with its key alone', async () => {
  const dataKey = randomBytes(32)
  const [wrapped, dek, secret] = [
    put('wrapped', wrapWithKek(randomBytes(32), dataKey, randomBytes(12))),
    put('dek', dataKey.toString('base64')),
    put('text', 'marked secret\n'),
  ]
  const output = join(dir, 'envelope')
  const given = [
    '--provider',
    'aliyun',
    '--key-id',
    'key-1',
    '--wrapped-key',
    wrapped,
    '--data-key',
    dek,
    '--secret',
    secret,
  ]
  expect(await door('secret seal', ...given, '--key', key, '--key-uri', keyUri, '--output', output)).toMatchObject({
    code: 0,
  })
  const open = (path: string, as: string): ReturnType<typeof door> =>
    door('secret open', output, '--public-key', jwk, '--data-key', path, '--output', join(dir, as))
  expect(await open(dek, 'opened')).toMatchObject({ code: 0, outputs: { opened: true } })
  expect(text('opened')).toBe('marked secret')
  expect(statSync(join(dir, 'opened')).mode & 0o777).toBe(0o600)
  expect((await open(put('other', randomBytes(32).toString('base64')), 'none')).error?.code).toBe('decryption-failed')
  expect((await open(put('short', 'AA=='), 'none')).error?.code).toBe('input-invalid')
})

test.each<[string, string[], string]>([
  ['nothing to seal', [], 'input-missing'],
  ['both forms at once', [resource, '--provider', 'aws'], 'input-invalid'],
  ['a KBS as provider of an envelope', ['--provider', 'kbs'], 'input-invalid'],
  ['a resource of two parts', ['kbs:///a/b'], 'input-invalid'],
  ['a place that Kubernetes refuses', [resource, '--kubernetes', 'Db/x'], 'input-invalid'],
])('%s is refused', async (_, args, code) => {
  const done = await door('secret seal', ...args, '--key', key, '--key-uri', keyUri, '--output', join(dir, 'none'))
  expect(done.error?.code).toBe(code)
})

test('a key that guests cannot check with, and a key name that leads out of their folder, are refused', async () => {
  const rsa = put(
    'rsa.pem',
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  )
  const output = join(dir, 'none')
  expect((await door('secret seal', resource, '--key', rsa, '--key-uri', keyUri, '--output', output)).code).toBe(2)
  expect((await door('secret seal', resource, '--key', key, '--key-uri', '../x', '--output', output)).code).toBe(2)
})

test('the embedded KBS gives key and secret to an admitted guest', async () => {
  const ports = testPorts()
  const [kbs, value] = [`embedded:${join(dir, 'kbs')}`, put('value', 'marked password')]
  const plan = `version: 1
accept-sample: true
resources:
  - {uri: "${resource}", source: "file:${value}", admit: [{technology: sample}]}
  - {uri: "${keyUri}", source: "file:${jwk}", admit: [{technology: sample}]}
`
  await parsePlan(plan, 'plan')
  const given: Record<string, string> = { 'kbs-url': kbs, plan: put('plan.yml', plan), mode: 'apply' }
  const inputs = rawInputs({ given: (name) => given[name], defaults: {}, ports, confine: null, label: (name) => name })
  await kbsPublish.run(inputs, { ports, state: openState(join(dir, 'state'), ports) })
  const output = join(dir, 'password')
  const opened = await door('secret open', sealed, '--kbs-url', kbs, '--technology', 'sample', '--output', output)
  expect(opened).toMatchObject({ code: 0, outputs: { verified: true, opened: true, path: output } })
  expect(text('password')).toBe('marked password')
  expect(opened.text + JSON.stringify(opened.outputs)).not.toContain('marked')
})
