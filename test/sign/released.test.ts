import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Caller } from '../../src/agent/caller.ts'
import { collect, once } from '../../src/base/streams.ts'
import { askForEar } from '../../src/kbs/passport.ts'
import { openStorage } from '../../src/kbs-server/storage.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { findAttachedStatements } from '../../src/log/scitt/attach.ts'
import { readStatement } from '../../src/log/scitt/statement.ts'
import { pae } from '../../src/sign/dsse.ts'
import { findCosignSignatures, findStatements } from '../../src/sign/find.ts'
import { loadPublicKey, verifySignature } from '../../src/sign/public-key.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { makeStatement } from '../../src/statement/statement.ts'
import { payloadType, predicateTypes } from '../../src/statement/types.ts'
import { pushClaims } from '../../testkit/oidc.ts'
import { openReportOf } from '../../testkit/task-agent.ts'
import { startWorkingJob, stopJobs, type WorkingJob } from '../../testkit/working-job.ts'
import { privatePem, putImage, storeOf } from './fixtures.ts'
import { artifact } from './job.ts'
import { verifies } from './verifies.ts'

type Result = ReturnType<WorkingJob['run']>

const uriOf = (tag: string): string => `kbs:///ci/signing/${tag}`
const [uri, signingKey] = [uriOf('release'), privatePem()]
const pem = (key: { export(options: { format: 'pem'; type: 'pkcs8' }): string | Buffer }): string =>
  key.export({ format: 'pem', type: 'pkcs8' }).toString()
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** What is published, beside the key, as if it were one. */
const contents: Record<string, string> = {
  release: signingKey,
  gone: privatePem(),
  curve: pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
  public: p256.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  encrypted: p256.privateKey
    .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'secret' })
    .toString(),
  token: 'ghp_notakey0123456789',
  json: '{"kty":"EC","d":"hunter2"',
}
/** Resources for other jobs than this one. */
const others: Record<string, object> = {
  repository: { 'repository-id': '666' },
  workflow: { 'workflow-ref': 'example/app/.github/workflows/other.yml@refs/heads/main' },
  commit: { 'workflow-sha': ['b'.repeat(40)] },
  event: { events: ['workflow_dispatch'] },
  ref: { refs: ['refs/heads/release'] },
}

function resource(tag: string, change: object = {}): object {
  return {
    uri: uriOf(tag),
    source: `env:KEY_${tag}`,
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
  }
}

let job: WorkingJob
const kbsFolder = (): string => join(job.ports.roots.cwd, 'kbs')
const sign = (given: Record<string, string> = {}, by = job): Result =>
  by.run('sign-attest', { signer: uri, 'kbs-url': `embedded:${kbsFolder()}`, output: 'oci:out', ...given })

beforeAll(async () => {
  const secrets = Object.keys(others).map((tag) => [`KEY_${tag}`, privatePem()] as const)
  const env = Object.fromEntries([...Object.entries(contents).map(([tag, text]) => [`KEY_${tag}`, text]), ...secrets])
  job = await startWorkingJob({}, env)
  const resources = [
    ...Object.keys(contents).map((tag) => resource(tag)),
    ...Object.entries(others).map(([tag, change]) => resource(tag, change)),
  ]
  writeFileSync(
    join(job.ports.roots.cwd, 'plan.json'),
    JSON.stringify({ version: 1, 'accept-sample': true, resources }),
  )
  await job.run('kbs-publish', { 'kbs-url': 'embedded:kbs', plan: 'plan.json' })
})
afterAll(stopJobs)

test('a key that the KBS releases to this job signs beside the agent, over the same payloads', async () => {
  const given = { consumers: 'cosign2,cosign3,coco,scitt' }
  const { outputs, report } = await sign(given)
  const key = readFileSync(outputs['public-key-path'] ?? '', 'utf8')
  const published = storeOf('oci:out', job.ports)
  const image = await published.resolve({ tag: 'latest' })
  if (image === null) throw new Error('not published')
  const found = (await findStatements(published, image)).filter(({ origin }) => origin === 'referrer')
  const by = found.filter(({ envelope }) => verifies(envelope, key))
  const kinds = by.map(({ predicateType }) => predicateType)
  expect(kinds).toEqual(expect.arrayContaining([predicateTypes.sign, predicateTypes.provenance, predicateTypes.spdx]))
  expect(kinds).not.toContain(predicateTypes.evidence)
  const { publicKeyPem: agent } = await job.client.status()
  for (const { payloadDigest } of by)
    expect(found.filter((one) => one.payloadDigest === payloadDigest && verifies(one.envelope, agent))).toHaveLength(1)
  expect(await findCosignSignatures(published, image)).toHaveLength(2)
  const statements = await findAttachedStatements(published, image, ({ error }) => {
    throw error
  })
  expect(statements).toHaveLength(by.length)
  for (const { bytes } of statements)
    expect(readStatement(bytes, 'it').issuer).toMatch(/^urn:ietf:params:oauth:ckt:sha-256:/)
  expect(JSON.stringify([report, outputs])).not.toContain(signingKey.split('\n')[1] ?? '')

  const before = await published.referrers(image.digest)
  expect((await sign(given)).report.headline).toMatch(/^Nothing to sign/)
  expect(await published.referrers(image.digest)).toEqual(before)
})

test.each(Object.keys(others))('a key for another %s is not released, and nothing is published', async (tag) => {
  await expect(sign({ signer: uriOf(tag), output: 'oci:none' })).rejects.toMatchObject({
    code: 'denied',
    subject: uriOf(tag),
    message: expect.stringContaining(`the KBS does not release ${uriOf(tag)} to this job`) as string,
    remedy: expect.stringContaining('docs/kbs-signing.md') as string,
  })
  const out = storeOf('oci:none', job.ports)
  expect(await out.resolve({ tag: 'latest' }).catch(() => null)).toBeNull()
})

test('another job gets no key, not even by the passport of this one', async () => {
  const other = await startWorkingJob({ repository_id: '666' }, {}, false)
  await expect(sign({}, other)).rejects.toMatchObject({ code: 'denied', subject: uri })
  const kbs = await startKbs({ directory: kbsFolder(), listen: '127.0.0.1:0', ports: job.ports })
  const report = await openReportOf(job.client)
  const holder = { technology: 'sample', openReport: async () => report, decryptJwe: () => Promise.reject(new Error()) }
  const stolen = await askForEar({ holder, asUrl: kbs.asUrl, ports: job.ports })
  const service = createServer((_request, response) => void response.end(stolen))
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  try {
    const trustee = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
    await expect(sign({ 'kbs-url': kbs.url, 'trustee-url': trustee }, other)).rejects.toMatchObject({
      code: 'decryption-failed',
      message: expect.stringContaining(`${uri} was released to another job`) as string,
    })
  } finally {
    service.close()
    await kbs.close()
  }
})

test('a key that is not in the plan is denied; one that is gone from the storage is named', async () => {
  await expect(sign({ signer: uriOf('never') })).rejects.toMatchObject({ code: 'denied' })
  const storage = await openStorage(kbsFolder(), job.ports)
  expect(await storage.remove('resources', 'ci/signing/gone')).toBe(true)
  storage.close()
  await expect(sign({ signer: uriOf('gone') })).rejects.toMatchObject({
    code: 'kbs-error',
    message: expect.stringContaining(`${uriOf('gone')} was not read`) as string,
    remedy: expect.stringContaining('The resource is not there') as string,
  })
})

test.each([
  ['curve', 'uses the curve secp256k1'],
  ['public', 'does not hold exactly one private key'],
  ['encrypted', 'it is encrypted'],
  ['token', 'does not hold exactly one private key'],
  ['json', 'is not valid JSON'],
])('a resource (%s) that is not a key that can sign is refused, and its content is not shown', async (tag, why) => {
  const error = await sign({ signer: uriOf(tag) }).then(
    () => null,
    (found: Error) => found,
  )
  expect(error).toMatchObject({ code: 'file-invalid', subject: uriOf(tag) })
  expect(error?.message).toContain(why)
  const lines = (contents[tag] ?? '').split('\n').filter((one) => one.length > 8 && !one.startsWith('---'))
  expect(lines.length).toBeGreaterThan(0)
  for (const part of [...lines, 'hunter2']) expect(`${error?.message} ${JSON.stringify(error)}`).not.toContain(part)
})

test.each<[string, Record<string, string>, string, string]>([
  ['no KBS', { 'kbs-url': '' }, 'input-missing', 'kbs-url'],
  ['no Attestation Service', { 'kbs-url': 'https://kbs.example' }, 'input-missing', 'trustee-url'],
  ['a URI with a host', { signer: 'kbs://kbs.example/a/b/c' }, 'input-invalid', 'kbs://kbs.example/a/b/c'],
  ['a key beside it', { key: 'env:KEY_release' }, 'input-invalid', 'signer'],
  ['claims of others', { claims: 'plan.json' }, 'unsupported', 'claims'],
])('%s is wrong use', async (_name, given, code, subject) => {
  await expect(sign(given)).rejects.toMatchObject({ code, subject })
})

test('what a caller claims to have built is signed by the agent, and never with the key', async () => {
  const claimed = await startWorkingJob({}, {}, false)
  const image = await putImage(storeOf('oci:claimed', claimed.ports), 'v1')
  await claimed.client.append({
    kind: 'build',
    inputs: [],
    outputs: [artifact('image', image.digest)],
    result: { reproducible: true, rebuilds: 0 },
  })
  const given = { image: 'oci:claimed:v1', statements: 'sign', consumers: 'cosign3' }
  await expect(sign(given, claimed)).rejects.toMatchObject({
    code: 'claimed-steps',
    message: expect.stringContaining('performer: caller') as string,
  })
  await claimed.run('sign-attest', { ...given, output: 'oci:out' })
})

/** A step that asks the worker by hand. @returns what it delivered last */
async function ask(bytes: Buffer): Promise<Buffer> {
  const kbs = await startKbs({ directory: kbsFolder(), listen: '127.0.0.1:0', ports: job.ports })
  const questions = [{ ask: 'sign' }, { ask: 'end' }]
  let last: Buffer = Buffer.alloc(0)
  const caller: Caller = {
    fetch: async (name) => once(name === 'next' ? JSON.stringify(questions.shift()) : bytes),
    secret: async () => null,
    deliver: async (_name, made) => {
      last = await collect(made, 1 << 20, 'made')
    },
  }
  try {
    await job.client.task('sign', { uri, kbs: { url: kbs.url, asUrl: kbs.asUrl } }, caller)
    return last
  } finally {
    await kbs.close()
  }
}

test('the worker signs what the agent signed before, and nothing that a step hands to it', async () => {
  await sign({ output: 'oci:asked' })
  const published = storeOf('oci:asked', job.ports)
  const image = await published.resolve({ tag: 'latest' })
  if (image === null) throw new Error('not published')
  const found = await findStatements(published, image)
  const payloadOf = (kind: keyof typeof predicateTypes): Buffer =>
    found.find(({ predicateType }) => predicateType === predicateTypes[kind])?.payload ?? Buffer.alloc(0)
  const good = pae(payloadType, payloadOf('sign'))
  const key = loadPublicKey(createPublicKey(signingKey).export({ format: 'pem', type: 'spki' }).toString())
  expect(verifySignature(key, good, await ask(good))).toBe(true)

  const foreign = makeStatement('sign', { digest: `sha256:${'e'.repeat(64)}` }, {})
  const image2 = simpleSigningPayload({ dockerReference: 'localhost/out', digest: `sha256:${'e'.repeat(64)}` })
  const own = simpleSigningPayload({ dockerReference: 'localhost/out', digest: image.digest })
  for (const [bytes, code, why] of [
    [pae(payloadType, foreign), 'role-mismatch', 'is not a statement that the agent of this job made'],
    [pae(payloadType, payloadOf('evidence')), 'role-mismatch', 'does not speak for an image'],
    [Buffer.concat([good, Buffer.from(' ')]), 'role-mismatch', 'neither a statement nor an image signature'],
    [pae('text/plain', payloadOf('sign')), 'format-invalid', ''],
    [image2, 'role-mismatch', 'was neither built nor encrypted in this job'],
    [Buffer.from(own.toString().replace('{"critical"', '{ "critical"')), 'role-mismatch', 'neither a statement nor'],
    [Buffer.from('anything'), 'format-invalid', ''],
  ] as const)
    await expect(ask(bytes)).rejects.toMatchObject({ code, message: expect.stringContaining(why) as string })
})

test('without an agent no KBS is asked', async () => {
  await job.stopAgent()
  await expect(sign({ image: 'oci:built' })).rejects.toMatchObject({ code: 'no-agent', subject: 'signer' })
})
