import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attestationPolicy, checksOf } from '../../src/kbs/rego/attestation-policy.ts'
import { cannedCases } from '../../src/kbs/rego/canned.ts'
import { resourcePolicy } from '../../src/kbs/rego/resource-policy.ts'
import { tryOnInput } from '../../src/kbs/rego/trial.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { runInProcess } from '../../testkit/in-process.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const directory = scratch('policy-test')
const file = (name: string, text: string | object): string => {
  const path = join(directory, name)
  writeFileSync(path, typeof text === 'string' ? text : JSON.stringify(text))
  return path
}
const run = (...argv: string[]) => runInProcess(['kbs', 'policy', 'test', ...argv], testPorts())

test('a resource policy on a token: from claims, and from a JWT', async () => {
  const uri = 'kbs:///default/image-key/app'
  const rules = [
    { uri, admit: [{ technology: 'snp' as const, measurements: ['aa'.repeat(48)], initdata: [] }], job: null },
  ]
  const policy = file('allow.rego', writeRego(resourcePolicy(rules)))
  for (const { input, path, allow } of cannedCases(rules, false)) {
    const there = `kbs:///${path.join('/')}`
    const claims = await run(policy, '--input', file('claims.json', input), '--uri', there)
    expect(claims).toMatchObject({ outcome: 'done', outputs: { values: { allow }, problems: [] } })
    const payload = Buffer.from(JSON.stringify(input)).toString('base64url')
    const token = file('token.jwt', `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.${payload}.c2ln\n`)
    expect((await run(policy, '--input', token, '--uri', there)).outputs['values']).toEqual({ allow })
    const data = file('data.json', { plugin: 'resource', 'resource-path': path, query: {} })
    expect((await run(policy, '--input', token, '--data', data)).outputs['values']).toEqual({ allow })
  }
})

test('an attestation policy on claims, with reference values', async () => {
  const policy = file('default_cpu.rego', writeRego(attestationPolicy(['tpm'])))
  const claims = file('tpm.json', { tpm: { pcr11: 'aa', ak_public: 'key' } })
  const values = file('values.json', { tpm_pcr11: ['aa'], trusted_aks: ['key'] })
  expect(checksOf('tpm')).toHaveLength(3)
  const affirmed = { trust_claims: { executables: 3, hardware: 2, configuration: 2 } }
  const unknown = { trust_claims: { executables: 33, hardware: 97, configuration: 36 } }
  expect((await run(policy, '--input', claims, '--reference-values', values)).outputs['values']).toEqual(affirmed)
  expect((await run(policy, '--input', claims)).outputs['values']).toEqual(unknown)
})

test.each([
  ['trust_claims := {"hardware": 258}', 'from -128 to 127'],
  ['trust_claims := {"hardware": -129}', 'from -128 to 127'],
  ['trust_claims := {"hardware": "2"}', 'from -128 to 127'],
  ['trust_claims := {"file_system": 2}', 'no trust claim'],
  ['trust_claims := 2', 'no object'],
  ['trust_claims := 2 if input.none', 'no object'],
  ['allow := "yes"', 'no boolean'],
  ['permit := true', 'neither'],
])('%s is told as a problem', async (rule, why) => {
  const policy = file('problem.rego', `package policy\n${rule}\n`)
  const { outcome, outputs } = await run(policy, '--input', file('input.json', {}))
  expect(outcome).toContain('refused')
  expect(outputs['problems']).toEqual([expect.stringContaining(why)])
})

test('a rule without value is null; what is not read or has no value is an error', async () => {
  const question = { input: {}, data: {}, values: {} }
  expect(tryOnInput('package policy\nallow if input.x\n', question)).toEqual({ values: { allow: null }, problems: [] })
  const input = file('input.json', { n: 1 })
  const code = async (text: string, ...more: string[]) =>
    (await run(file('bad.rego', text), '--input', input, ...more)).outcome
  expect(await code('package policy\nallow if regex.match("a", "a")\n')).toBe('file-invalid')
  expect(await code('package policy\nallow if count(input.n) > 0\n')).toBe('policy-invalid')
  const good = 'package policy\nallow := true\n'
  expect(await code(good, '--uri', 'kbs:///a/b/c', '--data', input)).toBe('input-invalid')
  expect(await code(good, '--data', file('list.json', '[1]'))).toBe('file-invalid')
  expect(await code(good, '--data', join(directory, 'none'))).toBe('file-missing')
  expect((await run(file('good.rego', good), '--input', file('text.json', 'no json'))).outcome).toBe('file-invalid')
})
