import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from '../../testkit/ports.ts'
import { actionRunner } from '../../testkit/working-job.ts'
import { open, place, ports, receiver, type Place } from './support.ts'

interface Job {
  made: Place
  folder: string
  run: (given?: Record<string, string>) => ReturnType<ReturnType<typeof actionRunner>>
}

async function job(): Promise<Job> {
  const made = await place()
  const folder = scratch('promote-action')
  writeFileSync(join(folder, 'policy.yml'), made.policy.text)
  writeFileSync(join(folder, 'receiver.pem'), receiver.key.export({ format: 'pem', type: 'pkcs8' }).toString())
  const action = actionRunner(ports, join(folder, 'state'))
  const base = { from: made.from, to: `oci:${join(folder, 'target')}:prod`, policy: join(folder, 'policy.yml') }
  return { made, folder, run: (given = {}) => action('promote', { ...base, ...given }) }
}

test('one image: outputs, both verdicts and the record in the report', async () => {
  const { made, folder, run } = await job()
  const { outputs, report, exitCode } = await run({
    signer: 'key',
    key: join(folder, 'receiver.pem'),
    environment: 'production',
  })
  expect(exitCode).toBe(0)
  expect(outputs).toMatchObject({
    image: `oci:${join(folder, 'target')}:prod@${made.digest}`,
    digest: made.digest,
    promoted: 'true',
    reasons: '',
    'left-behind-json': '[]',
    'missing-json': '[]',
  })
  expect(JSON.parse(outputs['copied-json'] ?? '')).toEqual(
    expect.arrayContaining([expect.objectContaining({ relation: 'root', digest: made.digest })]),
  )
  expect(readFileSync(outputs['public-key-path'] ?? '', 'utf8').trim()).toBe(receiver.signer.publicKeyPem.trim())
  expect(JSON.parse(readFileSync(outputs['verdict-path'] ?? '', 'utf8'))).toMatchObject({ verified: true })
  const facts = Object.fromEntries(report.facts)
  expect(facts).toMatchObject({ 'Verdict at the source': 'accepted', 'Verdict on the copy': 'accepted' })
  expect(facts['Promotion record']).toBe(`${outputs['record-digest'] ?? ''} (added)`)
})

test('a dry run shows the plan with its bytes and writes nothing', async () => {
  const { made, folder, run } = await job()
  const { outputs, lines } = await run({ 'dry-run': 'true', exclude: 'predicate:https://cyclonedx.org/bom' })
  expect(JSON.parse(outputs['cost-json'] ?? '')).toMatchObject({ present: { blobs: 0 } })
  expect(lines?.join('\n')).toMatch(/to be sent: \d+ blobs, \d+ bytes/)
  expect(lines).toContain(`to copy: image ${made.digest}`)
  expect(outputs).toMatchObject({
    image: '',
    promoted: 'false',
    'record-digest': '',
    'verdict-path': expect.any(String) as unknown,
  })
  await expect(open(`oci:${join(folder, 'target')}`).tags()).rejects.toMatchObject({ code: 'not-found' })
})

test('a rule of `exclude` that fits nothing is noted; one that fits is not', async () => {
  const { run } = await job()
  const { report } = await run({ 'dry-run': 'true', exclude: 'predicate:sbom\nhttps://slsa.dev/provenance/*' })
  expect(report.notes.filter((note) => note.includes('fits nothing'))).toEqual([
    '`exclude`: "predicate:sbom" fits nothing that is attached.',
  ])
  expect(report.tables.map(({ title }) => title)).toContain('Left behind: 1 manifest')
})

test('a key without `signer: key` is refused: the record that its owner expects would be missing', async () => {
  const { folder, run } = await job()
  const given = { signer: 'none', key: join(folder, 'receiver.pem') }
  await expect(run(given)).rejects.toMatchObject({ code: 'input-invalid', subject: 'signer' })
})

test('a selection that the policy refuses is refused with its reason and exit code 1', async () => {
  const { run } = await job()
  const { outputs, report, exitCode, lines } = await run({ exclude: 'https://slsa.dev/provenance/*' })
  expect(exitCode).toBe(1)
  expect(outputs).toMatchObject({ promoted: 'false', image: '' })
  expect(outputs['reasons']).toContain('missing-statement')
  expect(report.headline).toMatch(/^Refused .*what the rules leave does not pass the policy. Nothing was copied.$/)
  expect(lines?.join('\n')).toContain('excluded by')
})

test.each([
  [{ from: '' }, 'input-missing', 'from'],
  [{ class: 'silver' }, 'input-invalid', 'class'],
  [{ supersedes: 'sha256:short' }, 'input-invalid', 'supersedes'],
  [{ signer: 'somebody' }, 'input-invalid', 'signer'],
  [{ signer: 'agent' }, 'no-agent', 'signer'],
  [{ signer: 'keyless' }, 'input-missing', 'signing-config'],
  [{ include: 'colour:red' }, 'input-invalid', 'include'],
  [{ 'renew-after': 'soon' }, 'input-invalid', 'renew-after'],
  [{ 'in-production': '2025-01-01' }, 'input-invalid', 'in-production'],
  [{ 'in-production': '2025-01-01..2026-01-01' }, 'input-invalid', 'in-production'],
  [{ 'policy-digest': `sha256:${'0'.repeat(64)}` }, 'policy-invalid', 'policy-digest'],
  [{ 'status-only': 'true', 'policy-digest': `sha256:${'0'.repeat(64)}` }, 'policy-invalid', 'policy-digest'],
  [{ 'status-only': 'true', exclude: '.att' }, 'input-invalid', 'exclude'],
  [{ 'status-only': 'true', subscription: 'subscription.yml' }, 'input-invalid', 'from'],
  [
    { 'status-only': 'true', subscription: 'subscription.yml', 'in-production': '2026-01-01..2026-02-01' },
    'input-invalid',
    'in-production',
  ],
  [{ subscription: 'subscription.yml' }, 'input-invalid', 'from'],
])('%j is refused before anything is copied', async (given, code, subject) => {
  const { folder, run } = await job()
  await expect(run(given)).rejects.toMatchObject({ code, subject })
  await expect(open(`oci:${join(folder, 'target')}`).tags()).rejects.toMatchObject({ code: 'not-found' })
})
