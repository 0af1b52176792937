import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../src/base/errors.ts'
import { writePem } from '../../src/encoding/pem.ts'
import { policyJsonSchema } from '../../src/verify/policy/json-schema.ts'
import { loadPolicy, parsePolicy } from '../../src/verify/policy/load.ts'
import { scratch } from '../../testkit/ports.ts'
import { makeCertificate, makeKey } from '../../testkit/tee/pki/pki.ts'

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
  ['a missing member', good.replace(/ {2}events:.*\n/, ''), 'line 2: job.events: is missing'],
  ['a missing version', good.replace('version: 1\n', ''), 'version: is missing: write 1'],
  ['two unknown members', `${good}one: 1\ntwo: 2\n`, 'line 11: two: there is no such member'],
  ['an unknown member', `${good}acept-machine-only: true\n`, 'line 10: acept-machine-only: there is no such member'],
  ['an empty file', '', 'the file is empty'],
  ['a list', '- version: 1\n', 'the file holds no members'],
  [
    'a technology that is none',
    `${good}technology: sev\n`,
    'technology: write snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm or sample',
  ],
  ['a relaxation in other words', good.replace('sample: true', 'sample: yes'), 'a relaxation is written as true'],
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
  ['a build parameter that is none', `${good}build: { labels: x }\n`, 'build.labels: there is no such member'],
  ['an isolation that is none', `${good}accept-steps-isolation: true\n`, 'accept-steps-isolation: write no-steps, vm'],
  ['an age of nothing', `${good}not-before: {}\n`, 'not-before: name a run-number or a commit-time'],
  ['a short commit', good.replace('  refs', '  workflow-shas: [abc]\n  refs'), 'job.workflow-shas'],
  ['another version', good.replace('version: 1', 'version: 2'), 'line 1: version'],
  ['a duration without unit', `${good}max-age: 30\n`, 'line 10: max-age'],
])('%s is refused with its place', async (_name, text, want) => {
  const message = await problem(text)
  expect(message).toContain('/some/policy.yml')
  expect(message).toContain(want)
})

const hardware = `version: 1\n${job}technology: TECH\n`
const under = (technology: string, lines: string) => hardware.replace('TECH', technology) + lines

test.each([
  ['rules of another technology', under('snp', 'tee: { tdx: {} }\n'), 'tee.tdx: is about tdx and az-tdx-vtpm'],
  ['an unknown rule', under('snp', 'tee: { snp: { debug: true } }\n'), 'tee.snp.debug: there is no such member'],
  ['another VMPL without its line', under('snp', 'tee: { snp: { vmpl: 1 } }\n'), 'tee.snp.vmpl: needs accept-vmpl'],
  ['the line without the VMPL', under('snp', 'accept-vmpl: true\n'), 'accept-vmpl: name the VMPL'],
  ['VMPL 0 as an exception', under('snp', 'accept-vmpl: true\ntee: { snp: { vmpl: 0 } }\n'), 'tee.snp.vmpl'],
  [
    'a TCB without all parts',
    under('snp', 'tee: { snp: { minimum-tcb: { Milan: { snp: 8 } } } }\n'),
    'minimum-tcb.Milan',
  ],
  [
    'an FMC before Turin',
    under('snp', 'tee: { snp: { minimum-tcb: { Milan: { fmc: 1, bootloader: 1, tee: 1, snp: 8, microcode: 1 } } } }\n'),
    'there is no such member',
  ],
  [
    'a status without its line',
    under('tdx', 'tee: { tdx: { statuses: [UpToDate, OutOfDate] } }\n'),
    'tee.tdx.statuses: OutOfDate: needs accept-tcb-status',
  ],
  ['the line without a status', under('tdx', 'accept-tcb-status: true\n'), 'accept-tcb-status: name the statuses'],
  ['a PCR of a TD', under('tdx', 'tee: { register: { name: pcr14 } }\n'), 'tee.register.name: tdx has no pcr14'],
  ['an RTMR of a TPM', under('tpm', 'tee: { register: { name: rtmr3 } }\n'), 'tee.register.name: tpm has no rtmr3'],
  [
    'a register that can be set back',
    under('tpm', 'tee: { register: { name: pcr23 } }\n'),
    'accept-resettable-register',
  ],
  ['a register of the firmware', under('tpm', 'tee: { register: { name: pcr4 } }\n'), 'tee.register.name'],
  ['an event in a PCR of a TD', under('tdx', `tee: { event-log: [{ register: pcr1, text: x }] }\n`), 'tdx has no pcr1'],
  ['an event in an RTMR of a TPM', under('tpm', `tee: { event-log: [{ register: rtmr0, text: x }] }\n`), 'no rtmr0'],
  ['an event that anything meets', under('tpm', 'tee: { event-log: [{ register: pcr7 }] }\n'), 'name a digest'],
  ['a chip that is none', under('snp', 'tee: { chips: [abcd] }\n'), 'tee.chips.0'],
  [
    'reference values without keys',
    under('snp', 'reference-values: [{ file: x.json, keys: [] }]\n'),
    'reference-values.0.keys',
  ],
])('%s is refused with its place', async (_name, text, want) => {
  expect(await problem(text)).toContain(want)
})

test('rules of hardware become those of its verifier, strict where silent', async () => {
  const text = under(
    'snp',
    `tee:
  snp:
    lines: [Turin]
    minimum-tcb: { Turin: { fmc: 1, bootloader: 2, tee: 0, snp: 3, microcode: 4 } }
    minimum-abi: "1.55"
    smt: refuse
    alias-check: require
    mitigations: "0x3"
`,
  )
  expect((await parsePolicy(text, '/policy.yml')).rules.snp).toEqual({
    vmpl: 0,
    acceptNewVersion: false,
    acceptSmt: false,
    singleSocket: false,
    minimumAbi: { major: 1, minor: 55 },
    committedFirmware: false,
    aliasCheck: true,
    requireCrl: true,
    lines: ['Turin'],
    mitigations: 3n,
    minimumTcb: { Turin: { fmc: 1, bootloader: 2, tee: 0, snp: 3, microcode: 4 } },
  })
  const silent = await parsePolicy(under('tdx', ''), '/policy.yml')
  expect(silent.rules.tdx).toEqual({ statuses: ['UpToDate'], minimumEvaluation: 0, requireSeptVeDisable: true })
  expect(silent.rules.tpm).toMatchObject({ acceptSoftwareTpm: false, ekRoots: [] })
})

test('keys and roots that a policy names are read, and belong to its digest', async () => {
  const folder = scratch('policy')
  const path = join(folder, 'policy.yml')
  await writeFile(path, under('tpm', 'tee: { tpm: { ek-roots: [root.pem], registrars: [registrar.pub] } }\n'))
  await expect(loadPolicy(path)).rejects.toMatchObject({ code: 'file-missing' })
  const key = makeKey('P-256')
  const root = makeCertificate({ subject: 'Maker', issuer: 'Maker', key, by: key, ca: { pathLength: null } })
  await writeFile(join(folder, 'root.pem'), writePem('CERTIFICATE', root))
  await writeFile(join(folder, 'registrar.pub'), 'no key')
  await expect(loadPolicy(path)).rejects.toMatchObject({ code: 'file-invalid' })
  await writeFile(join(folder, 'registrar.pub'), key.publicKey.export({ type: 'spki', format: 'pem' }))
  const loaded = await loadPolicy(path)
  expect(loaded.rules.tpm?.ekRoots?.[0]?.equals(root)).toBe(true)
  await writeFile(join(folder, 'root.pem'), writePem('CERTIFICATE', root) + writePem('CERTIFICATE', root))
  expect((await loadPolicy(path)).digest).not.toBe(loaded.digest)
  await writeFile(join(folder, 'root.pem'), writePem('PUBLIC KEY', root))
  await expect(loadPolicy(path)).rejects.toMatchObject({ code: 'file-invalid' })
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

describe('docs/policy.md', () => {
  const page = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8')
  const examples = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, text]) => text ?? '')

  test('its examples are valid policies', async () => {
    expect(examples).toHaveLength(6)
    const folder = scratch('policy-docs')
    const key = makeKey('P-256')
    const pem = key.publicKey.export({ type: 'spki', format: 'pem' })
    const root = makeCertificate({ subject: 'Maker', issuer: 'Maker', key, by: key, ca: { pathLength: null } })
    for (const name of ['image-maker', 'registrar', 'release', 'vendor', 'receipts'])
      await writeFile(join(folder, `${name}.pub`), pem)
    for (const name of ['tpm-maker', 'acme-root'])
      await writeFile(join(folder, `${name}.pem`), writePem('CERTIFICATE', root))
    await writeFile(join(folder, 'runner-2026.1.json'), '{}')
    const technologies = []
    for (const text of examples) technologies.push((await parsePolicy(text, join(folder, 'policy.yml'))).technology)
    expect(technologies).toEqual(['sample', 'snp', 'tdx', 'az-snp-vtpm', 'tpm', null])
  })

  test('it names every relaxation and every member of a policy', () => {
    const { properties } = JSON.parse(policyJsonSchema()) as {
      properties: Record<string, { properties?: Record<string, { properties?: object }> }>
    }
    for (const name of Object.keys(properties)) expect(page).toContain(`\`${name}`)
    for (const section of ['notation', 'scitt'])
      for (const name of Object.keys(properties[section]?.properties ?? {}))
        expect(page).toContain(`\`${section}.${name}\``)
    for (const name of Object.keys(properties['build']?.properties ?? {})) expect(page).toContain(`\`build.${name}\``)
    for (const [name, { properties: inner }] of Object.entries(properties['tee']?.properties ?? {}))
      for (const member of inner === undefined ? [name] : Object.keys(inner).map((one) => `${name}.${one}`))
        expect(page).toContain(`\`${member}`)
  })
})
