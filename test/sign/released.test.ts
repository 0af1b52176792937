import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findAttachedStatements } from '../../src/log/scitt/attach.ts'
import { readStatement } from '../../src/log/scitt/statement.ts'
import { verifyEnvelope } from '../../src/sign/dsse.ts'
import { findCosignSignatures, findStatements } from '../../src/sign/find.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { pushClaims } from '../../testkit/oidc.ts'
import { startWorkingJob, stopJobs, type WorkingJob } from '../../testkit/working-job.ts'
import { privatePem, storeOf } from './fixtures.ts'
import { verifies } from './verifies.ts'

afterEach(stopJobs)

const uri = 'kbs:///ci/signing/release'

/** A plan for the embedded KBS: the key goes to this job's workflow and nobody else. */
function plan(change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    version: 1,
    'accept-sample': true,
    resources: [
      {
        uri,
        source: 'env:RELEASE_KEY',
        kind: 'pipeline',
        admit: [{ technology: 'sample' }],
        job: {
          'repository-id': pushClaims.repository_id,
          'workflow-ref': pushClaims.job_workflow_ref,
          'workflow-sha': [pushClaims.job_workflow_sha],
          events: ['push'],
          refs: ['refs/heads/main'],
          ...change,
        },
      },
    ],
  })
}

async function started(
  key: string,
  claims: Record<string, string> = {},
  change: Record<string, unknown> = {},
): Promise<{ job: WorkingJob; sign: (given?: Record<string, string>) => ReturnType<WorkingJob['run']> }> {
  const job = await startWorkingJob(claims, { RELEASE_KEY: key })
  writeFileSync(join(job.ports.roots.cwd, 'plan.json'), plan(change))
  await job.run('kbs-publish', { 'kbs-url': 'embedded:kbs', plan: 'plan.json' })
  const sign = (given: Record<string, string> = {}): ReturnType<WorkingJob['run']> =>
    job.run('sign-attest', { signer: uri, 'kbs-url': 'embedded:kbs', output: 'oci:out', ...given })
  return { job, sign }
}

test('a key that the KBS releases to this job signs beside the agent, over the same payloads', async () => {
  const pem = privatePem()
  const { job, sign } = await started(pem)
  const { outputs, report } = await sign({ consumers: 'cosign2,cosign3,coco,scitt' })
  const key = readFileSync(outputs['public-key-path'] ?? '', 'utf8')
  const published = storeOf('oci:out', job.ports)
  const image = await published.resolve({ tag: 'latest' })
  if (image === null) throw new Error('not published')
  const found = await findStatements(published, image)
  const by = found.filter(({ envelope, origin }) => origin === 'referrer' && verifies(envelope, key))
  const kinds = by.map(({ predicateType }) => predicateType)
  expect(kinds).toEqual(expect.arrayContaining([predicateTypes.sign, predicateTypes.provenance, predicateTypes.spdx]))
  expect(kinds).not.toContain(predicateTypes.evidence)
  const { publicKeyPem: agent } = await job.client.status()
  for (const { payloadDigest } of by) {
    const twins = found.filter((one) => one.origin === 'referrer' && one.payloadDigest === payloadDigest)
    expect(twins.filter(({ envelope }) => verifies(envelope, agent))).toHaveLength(1)
  }
  expect(await findCosignSignatures(published, image)).toHaveLength(2)
  const statements = await findAttachedStatements(published, image, ({ error }) => {
    throw error
  })
  expect(statements).toHaveLength(by.length)
  expect(readStatement(statements[0]?.bytes ?? Buffer.alloc(0), 'it').kid).not.toBeNull()
  expect(JSON.stringify([report, outputs])).not.toContain(pem.split('\n')[1] ?? '')

  const before = await published.referrers(image.digest)
  expect((await sign({ consumers: 'cosign2,cosign3,coco,scitt' })).report.headline).toMatch(/^Nothing to sign/)
  expect(await published.referrers(image.digest)).toEqual(before)
  expect(verifyEnvelope(by[0]?.envelope ?? { payload: '', payloadType: '', signatures: [] }, key).length).toBeGreaterThan(0)
})

test.each<[string, Record<string, string>]>([
  ['repository', { repository_id: '666' }],
  ['commit of the workflow', { job_workflow_sha: 'b'.repeat(40) }],
  ['event', { event_name: 'pull_request_target' }],
  ['ref', { ref: 'refs/heads/other' }],
])('a job of another %s gets no key', async (_name, claims) => {
  const { job, sign } = await started(privatePem(), claims)
  await expect(sign()).rejects.toMatchObject({
    code: 'denied',
    subject: uri,
    message: expect.stringContaining(`the KBS does not release ${uri} to this job`) as string,
    remedy: expect.stringContaining('docs/kbs-signing.md') as string,
  })
  // Nothing is published before the key is there.
  expect(await storeOf('oci:out', job.ports).resolve({ tag: 'latest' }).catch(() => null)).toBeNull()
})

test('without an agent the embedded KBS is not even asked', async () => {
  const { job, sign } = await started(privatePem())
  await job.client.stop()
  await expect(sign({ image: 'oci:built' })).rejects.toMatchObject({ code: 'no-agent', subject: 'signer' })
})

test('a key that was withdrawn, or never published, is named', async () => {
  const { job, sign } = await started(privatePem())
  await expect(sign({ signer: 'kbs:///ci/signing/other' })).rejects.toMatchObject({ code: 'denied' })
  const admitted = plan().replace('ci/signing/release', 'ci/signing/other')
  writeFileSync(join(job.ports.roots.cwd, 'plan.json'), admitted)
  await job.run('kbs-publish', { 'kbs-url': 'embedded:kbs', plan: 'plan.json' })
  await sign({ signer: 'kbs:///ci/signing/other' })
  // As when somebody deletes it from the storage of the KBS: its policy still admits this job.
  const { rm } = await import('node:fs/promises')
  await rm(join(job.ports.roots.cwd, 'kbs/resources/ci%2Fsigning%2Fother'))
  await expect(sign({ signer: 'kbs:///ci/signing/other' })).rejects.toMatchObject({
    code: 'kbs-error',
    message: expect.stringContaining('kbs:///ci/signing/other was not read') as string,
    remedy: expect.stringContaining('The resource is not there') as string,
  })
})

const secp256k1 = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
const publicPem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' }).toString()
const encrypted = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret' })
    .toString()

test.each<[string, string, string]>([
  ['a key of another curve', secp256k1(), 'uses the curve secp256k1'],
  ['a public key', publicPem(), 'does not hold exactly one private key'],
  ['an encrypted key', encrypted(), 'it is encrypted'],
  ['a token', 'ghp_notakey0123456789', 'does not hold exactly one private key'],
  ['broken JSON', '{"kty":"EC","d":"hunter2"', 'is not valid JSON'],
])('%s is not a key that can sign, and its content is not shown', async (_name, content, why) => {
  const { sign } = await started(content)
  const error = await sign().then(
    () => null,
    (found: Error) => found,
  )
  expect(error).toMatchObject({ code: 'file-invalid', subject: uri, message: expect.stringContaining(why) as string })
  for (const line of content.split('\n').filter((one) => one.length > 8 && !one.startsWith('---')))
    expect(JSON.stringify([error?.message, error])).not.toContain(line)
  expect(error?.message).not.toContain('hunter2')
})

test.each<[string, Record<string, string>, string, string]>([
  ['no KBS', { 'kbs-url': '' }, 'input-missing', 'kbs-url'],
  ['no Attestation Service', { 'kbs-url': 'https://kbs.example' }, 'input-missing', 'trustee-url'],
  ['a URI with a host', { signer: 'kbs://kbs.example/a/b/c' }, 'input-invalid', 'kbs://kbs.example/a/b/c'],
  ['a key beside it', { key: 'env:RELEASE_KEY' }, 'input-invalid', 'signer'],
  ['claims of others', { claims: 'plan.json' }, 'unsupported', 'claims'],
])('%s is wrong use', async (_name, given, code, subject) => {
  const { sign } = await started(privatePem())
  await expect(sign(given)).rejects.toMatchObject({ code, subject })
})
