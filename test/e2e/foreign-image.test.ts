import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/base/json.ts'
import { parseJournal } from '../../src/journal/event.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { findStatements } from '../../src/sign/find.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { makePublisher, publisherSigns } from '../../testkit/foreign-image.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { startWorkingJob, stopJobs, type WorkingJob } from '../../testkit/working-job.ts'

// An image that others built: verify, describe, encrypt, sign, admit in another job. With registries and cosign: foreign-image.slow.test.ts.

const ports = testPorts()
const open = (reference: string): Store => openStore(parseReference(reference, '/'), ports)
const publisher = makePublisher()
const uri = 'kbs:///team/image-key/app'
afterAll(stopJobs)

interface Published {
  reference: string
  digest: Digest
}

/** An image at its publisher's, signed with the publisher's key or not. */
async function published(signed = true): Promise<Published> {
  const place = `oci:${join(scratch('publisher'), 'layout')}`
  const { digest } = await putSmallImage(open(place), smallFiles)
  if (signed) await publisherSigns(open(place), digest, publisher)
  return { reference: `${place}@${digest}`, digest }
}

/** The receiver's policies lie in the job's folder here: what matters to the gate is their digest. */
function policyFile(job: WorkingJob, name: string, text: string): string {
  const path = join(job.ports.roots.cwd, name)
  writeFileSync(path, text)
  return path
}

/** By which a job admits what the publisher signed. */
const receiving = `version: 1
release-keys:
  - ${JSON.stringify(publisher.signer.publicKeyPem)}
statements: [sign]
accept-signature-only: true
accept-not-rebuilt: true
accept-unproven-time: true
`

async function verdictOf(job: WorkingJob, image: string, policy: string): Promise<Verdict> {
  const given = { image, policy, signer: 'none', enforce: 'warn' }
  const { outputs } = await job.run('verify-deploy', given)
  return JSON.parse(readFileSync(outputs['verdict-path'] ?? '', 'utf8')) as Verdict
}

interface Admitted {
  job: WorkingJob
  image: string
  policyDigest: Digest
  kbs: string
}

/** One job that admits, describes, encrypts and signs; its output is another store than the publisher's. */
async function admit({ reference, digest }: Published): Promise<Admitted> {
  const job = await startWorkingJob({}, {}, false)
  const verdict = await verdictOf(job, reference, policyFile(job, 'receive.yml', receiving))
  expect(verdict.reasons).toEqual([])
  expect(verdict.image.digest).toBe(digest)
  await job.run('sbom', { image: reference })
  const kbs = `embedded:${join(job.ports.roots.cwd, 'kbs')}`
  await job.run('encrypt', { image: reference, recipients: uri, 'kbs-url': kbs, output: 'oci:work:encrypted' })
  const { outputs } = await job.run('sign-attest', { output: 'oci:published:v1' })
  return { job, image: outputs['image'] ?? '', policyDigest: verdict.policy.digest, kbs }
}

/** The policy of the gate, with the keys of the issuer of the admitting job. */
async function gatePolicy(
  { job, policyDigest }: Pick<Admitted, 'job' | 'policyDigest'>,
  publisherSection: JsonObject = {},
): Promise<string> {
  const { claims } = await job.client.status()
  const keys = (await (await fetch(`${String(claims['iss'])}/jwks`)).json()) as JsonObject
  return JSON.stringify({
    version: 1,
    job: {
      issuer: claims['iss'],
      jwks: keys,
      repository: claims['repository'],
      'repository-id': claims['repository_id'],
      workflow: '.github/workflows/publish.yml',
      refs: [claims['ref']],
      events: [claims['event_name']],
    },
    publisher: {
      'release-keys': [publisher.signer.publicKeyPem],
      'verify-policies': [policyDigest],
      ...publisherSection,
    },
    'accept-sample': true,
    'accept-not-rebuilt': true,
    'accept-unproven-time': true,
    'accept-unchecked-content': true,
  })
}

test('verify, describe, encrypt, publish, and the gate of another job admits it and says who built it', async () => {
  const source = await published()
  const done = await admit(source)
  const { job, image, kbs, policyDigest } = done
  const plan = join(job.ports.roots.cwd, 'plan.yml')
  writeFileSync(
    plan,
    `version: 1\naccept-sample: true\nresources: [{uri: "${uri}", source: agent, admit: [{technology: sample}]}]\n`,
  )
  const planned = await job.run('kbs-publish', { plan, 'kbs-url': kbs, mode: 'plan' })
  expect(JSON.stringify(planned.outputs)).toContain(uri)
  await job.run('kbs-publish', { plan, 'kbs-url': kbs })

  const store = open(image)
  const kinds = (await findStatements(store, (await store.resolve({ tag: 'v1' }))!, { onBroken: () => {} }))
    .map(({ predicateType }) => predicateType)
    .sort()
  expect([...new Set(kinds)]).toEqual(
    [
      'https://cyclonedx.org/bom',
      'https://in-toto.io/attestation/scai/v0.3',
      'https://sealwright.dev/encryption/v1',
      'https://sealwright.dev/inventory/v1',
      'https://sigstore.dev/cosign/sign/v1',
      'https://spdx.dev/Document',
    ].sort(),
  )
  // The plain image did not leave, and what its publisher said of it came along.
  expect(await store.resolve({ digest: source.digest })).toBeNull()
  expect(await store.referrers(source.digest)).toHaveLength(1)

  const gate = await startWorkingJob({ run_id: '1002' }, {}, false)
  const verdict = await verdictOf(gate, image, policyFile(gate, 'gate.yml', await gatePolicy(done)))
  expect(verdict.reasons).toEqual([])
  expect(verdict.origin).toMatchObject({ plain: source.digest, admitted: { policy: policyDigest } })
  const report = await gate.run('verify-deploy', {
    image,
    policy: join(gate.ports.roots.cwd, 'gate.yml'),
    signer: 'agent',
  })
  expect(report.lines?.[0]).toMatch(/^built by .*release key .*; admitted by a job of example\/app on /)
  const facts = Object.fromEntries(report.report?.facts ?? [])
  expect(facts['Built by']).toContain('release key')
  expect(facts['Admitted by']).toContain(policyDigest)
  expect(facts).not.toHaveProperty('Builder')
  expect(report.outputs['vsa-digest']).toMatch(/^sha256:/)

  // A second run of sign-attest adds nothing.
  const before = (await store.referrers(source.digest)).length
  await job.run('sign-attest', { output: 'oci:published:v1' })
  expect(await store.referrers(source.digest)).toHaveLength(before)
}, 60_000)

test('the plain image is described and published too, and stays unsigned by the job', async () => {
  const { reference } = await published()
  const job = await startWorkingJob({}, {}, false)
  const verdict = await verdictOf(job, reference, policyFile(job, 'receive.yml', receiving))
  await job.run('sbom', { image: reference })
  const { outputs } = await job.run('sign-attest', { image: reference, output: 'oci:published:v1' })
  const image = outputs['image'] ?? ''
  const store = open(image)
  const statements = await findStatements(store, (await store.resolve({ tag: 'v1' }))!, { onBroken: () => {} })
  const types = statements.map(({ predicateType }) => predicateType)
  // The one signature is the publisher's.
  expect(types.filter((type) => type.endsWith('cosign/sign/v1'))).toHaveLength(1)
  const policy = await gatePolicy({ job, policyDigest: verdict.policy.digest })
  expect((await verdictOf(job, image, policyFile(job, 'gate.yml', policy))).reasons).toEqual([])
}, 60_000)

test('an image that was not verified is neither described nor encrypted for others, and nothing of it is published', async () => {
  const { reference } = await published()
  const job = await startWorkingJob({}, {}, false)
  await job.run('sbom', { image: reference })
  const kbs = `embedded:${join(job.ports.roots.cwd, 'kbs')}`
  await job.run('encrypt', { image: reference, recipients: uri, 'kbs-url': kbs, output: 'oci:work:encrypted' })
  await expect(job.run('sign-attest', { output: 'oci:published:v1' })).rejects.toMatchObject({ code: 'not-admitted' })
  expect(existsSync(join(job.ports.roots.cwd, 'published'))).toBe(false)
}, 60_000)

test('an image that the receiver’s policy refuses is not admitted', async () => {
  const { reference } = await published(false)
  const job = await startWorkingJob({}, {}, false)
  expect((await verdictOf(job, reference, policyFile(job, 'receive.yml', receiving))).verified).toBe(false)
  await job.run('sbom', { image: reference })
  await expect(job.run('sign-attest', { image: reference, output: 'oci:published:v1' })).rejects.toMatchObject({
    code: 'admission-refused',
  })
}, 60_000)

test('a job that admits by a policy of its own making is refused by the gate, which pins the receiver’s', async () => {
  const done = await admit(await published(true))
  const other = { 'verify-policies': [`sha256:${'0'.repeat(64)}`] }
  const path = policyFile(done.job, 'gate.yml', await gatePolicy(done, other))
  expect((await verdictOf(done.job, done.image, path)).reasons).toContain('admission-policy')
  const events = parseJournal(Buffer.from(await journalText(done.job)))
  expect(
    events.some(({ kind, inputs }) => kind === 'verify' && inputs.some(({ digest }) => digest === done.policyDigest)),
  ).toBe(true)
}, 60_000)

async function journalText(job: WorkingJob): Promise<string> {
  return readFileSync(join(job.ports.roots.temp, 'state', 'journal.jsonl'), 'utf8')
}
