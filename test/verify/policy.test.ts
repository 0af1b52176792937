import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../src/base/errors.ts'
import { policyJsonSchema } from '../../src/verify/policy/json-schema.ts'
import { loadPolicy, parsePolicy } from '../../src/verify/policy/load.ts'
import { scratch } from '../support/ports.ts'

const job = `job:
  issuer: https://issuer.example
  jwks: {"keys":[{"kty":"EC"}]}
  repository-id: "12"
  workflow: .github/workflows/publish.yml
  refs: [refs/heads/main]
  events: [push]
`
const good = `version: 1\n${job}accept-sample: true\n`

async function problem(text: string): Promise<string> {
  const error: unknown = await parsePolicy(text, '/some/policy.yml').then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(InputError)
  return (error as InputError).message
}

test('a policy gives its defaults', async () => {
  expect(await parsePolicy(good, '/policy.yml')).toMatchObject({
    technology: 'sample',
    rebuilds: 1,
    maxAgeSeconds: 30 * 86_400,
    maxJobSeconds: 6 * 3600,
  })
})

test.each([
  ['an unknown member', `${good}acept-machine-only: true\n`, 'line 10: acept-machine-only: there is no such member'],
  ['a relaxation that is not true', good.replace('sample: true', 'sample: false'), 'line 9: accept-sample'],
  ['a member of the wrong kind, deep inside', good.replace('"12"', '12'), 'line 5: job.repository-id'],
  [
    'an unknown member of the job',
    good.replace('  events', '  branch: x\n  events'),
    'line 8: job.branch: there is no such member',
  ],
  [
    'both kinds of issuer keys',
    good.replace('  jwks:', '  jwks-uri: https://issuer.example/keys\n  jwks:'),
    'job.jwks: give either jwks',
  ],
  ['no issuer keys', good.replace(/ {2}jwks:.*\n/, ''), 'job.jwks: give either jwks'],
  ['a member twice', `${good}version: 1\n`, 'line 10'],
  ['no technology', good.replace('accept-sample: true\n', ''), 'technology: name the technology'],
  [
    'accept-sample for another technology',
    `${good}technology: snp\n`,
    'accept-sample: is bound to sample, but the technology is snp',
  ],
  ['no job', 'version: 1\naccept-sample: true\n', 'job: name the jobs'],
  [
    'signature-only without keys',
    'version: 1\naccept-signature-only: true\n',
    'release-keys: accept-signature-only needs',
  ],
  ['an alias', `version: 1\n${job}statements: &a [sign]\nbuilders: *a\naccept-sample: true\n`, 'aliases'],
  ['no YAML', 'version: [', 'line 1'],
  ['another version', good.replace('version: 1', 'version: 2'), 'line 1: version'],
  ['a duration without unit', `${good}max-age: 30\n`, 'line 10: max-age'],
])('%s is refused with its place', async (_name, text, want) => {
  const message = await problem(text)
  expect(message).toContain('/some/policy.yml')
  expect(message).toContain(want)
})

test('files that a policy names lie beside it and belong to its digest', async () => {
  const folder = scratch('policy')
  const path = join(folder, 'policy.yml')
  await writeFile(path, good.replace('{"keys":[{"kty":"EC"}]}', 'keys.json'))
  await expect(loadPolicy(path)).rejects.toMatchObject({ code: 'file-missing', subject: join(folder, 'keys.json') })
  await writeFile(join(folder, 'keys.json'), '{"keys":[{"kty":"EC"}]}')
  const before = await loadPolicy(path)
  await writeFile(join(folder, 'keys.json'), '{"keys":[{"kty":"RSA"}]}')
  expect((await loadPolicy(path)).digest).not.toBe(before.digest)
  await writeFile(join(folder, 'keys.json'), '[]')
  await expect(loadPolicy(path)).rejects.toMatchObject({ code: 'file-invalid' })
})

test('a missing policy names policy init', async () => {
  await expect(loadPolicy('/nowhere/policy.yml')).rejects.toMatchObject({
    code: 'file-missing',
    remedy: expect.stringContaining('policy init'),
  })
})

test('the JSON schema names every relaxation and allows nothing else', () => {
  const schema = JSON.parse(policyJsonSchema()) as {
    properties: Record<string, { description?: string }>
    additionalProperties: boolean
  }
  expect(schema.additionalProperties).toBe(false)
  expect(schema.properties['accept-sample']?.description).toMatch(/^UNSAFE/)
})
