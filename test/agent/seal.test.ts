import { contextAt } from '../../testkit/verify-context.ts'
import { bindingDigest, bindingHash, jobDigest, parseBinding, thumbprint } from '../../src/journal/binding.ts'
import type { EvidenceBundle } from '../../src/journal/evidence-bundle.ts'
import { eventDigest, parseJournal } from '../../src/journal/event.ts'
import { verifyToken } from '../../src/journal/token.ts'
import { sha256 } from '../../src/base/streams.ts'
import { parseTeeEvidence } from '../../src/tee/evidence.ts'
import { verifiers } from '../../src/tee/verify/index.ts'
import { buildEvent, buildRecord, plainImage, startAgent } from '../../testkit/agent.ts'
import { startIssuer } from '../../testkit/oidc.ts'
import { openReportOf } from '../../testkit/task-agent.ts'

function document(bundle: EvidenceBundle, digest: string): Buffer {
  const found = bundle.documents.find((item) => item.digest === digest)
  if (found === undefined) throw new Error(`${digest} is not in the bundle`)
  expect(sha256(found.bytes)).toBe(digest)
  return found.bytes
}

test('open and seal chain over one key, job and journal, and each report is bound to its binding', async () => {
  const issuer = await startIssuer()
  const { client, status } = await startAgent(issuer.env())
  await client.append(buildEvent())
  const signed = await client.statement({ kind: 'sign', subject: plainImage, documents: {} })
  const bundle = await client.seal()

  const { index } = bundle
  expect(index.reports.map(({ role }) => role)).toEqual(['open', 'seal'])
  const bindings = index.reports.map((report) => parseBinding(document(bundle, report.binding), 'binding'))
  index.reports.forEach((report, i) => {
    const binding = bindings[i]
    if (binding === undefined) throw new Error('no binding')
    const evidence = parseTeeEvidence(document(bundle, report.evidence), 'evidence')
    expect(verifiers.sample?.verify(evidence, bindingHash(binding), contextAt(new Date())).status).toBe('verified')
  })
  const [open, seal] = bindings
  if (open === undefined || seal === undefined) throw new Error('no bindings')
  expect(open.previous).toBeNull()
  expect(seal.previous).toBe(bindingDigest(open))
  expect(seal.job).toEqual(open.job)
  expect(seal.key).toEqual(open.key)
  expect(thumbprint(open.key)).toBe(status.keyId)
  expect(jobDigest(open.job)).toBe(status.jobDigest)

  const events = parseJournal(document(bundle, index.journal))
  const [first] = events
  if (first === undefined) throw new Error('no events')
  expect(open.journal).toEqual({ head: eventDigest(first), count: 1 })
  expect(seal.journal.count).toBe(events.length)
  expect(first).toMatchObject({
    kind: 'job',
    result: { keyThumbprint: status.keyId, job: status.jobDigest, instance: status.instance },
  })
  expect(events.some((event) => event.outputs.some(({ digest }) => digest === signed.payloadDigest))).toBe(true)

  const jwt = document(bundle, index.token ?? '').toString()
  const claims = await verifyToken(jwt, issuer.jwks as never, {
    issuer: issuer.url,
    audience: `https://sealwright.dev/key/${status.keyId}`,
    at: new Date(),
  })
  expect(open.job).toMatchObject({ assurance: 'token', token: sha256(jwt), claims })
  expect(open.nonce).toEqual({ source: 'oidc', value: `token-1@${String(claims['iat'])}` })
  await client.stop()
  await issuer.close()
})

test('nothing signed is nothing to seal; nothing new gives the same bundle; a new statement gives a longer chain', async () => {
  const { client } = await startAgent()
  await expect(client.seal()).rejects.toMatchObject({ code: 'unsealed' })
  await client.append(buildEvent())
  await client.statement({ kind: 'sign', subject: plainImage, documents: {} })
  const first = await client.seal()
  await client.statement({ kind: 'sign', subject: plainImage, documents: {} })
  expect(await client.seal()).toEqual(first)
  const record = buildRecord().toString('base64')
  await client.statement({ kind: 'provenance', subject: plainImage, documents: { 'build-record': record } })
  const second = await client.seal()
  expect(second.index.reports.slice(0, 2)).toEqual(first.index.reports)
  expect(second.index.reports).toHaveLength(3)
  await client.stop()
})

test('a job without token says of itself what its environment says, and is labelled so', async () => {
  const { client, status } = await startAgent({ GITHUB_REPOSITORY: 'example/app', GITHUB_RUN_ID: '5', SECRET: 'x' })
  expect(status).toMatchObject({ assurance: 'self-asserted', claims: { repository: 'example/app', run_id: '5' } })
  const binding = parseBinding((await openReportOf(client)).binding, 'open')
  expect(binding.job.token).toBeNull()
  expect(binding.nonce).toEqual({ source: 'none', value: '' })
  await client.stop()
})

test('a nonce that a verifier gave stands in the binding', async () => {
  const { client } = await startAgent({}, { nonce: 'verifier:abc' })
  expect(parseBinding((await openReportOf(client)).binding, 'open').nonce).toEqual({ source: 'verifier', value: 'abc' })
  await client.stop()
})

test.each([
  ['that expired', 'token-expired', { lifetime: -3600 }],
  ['of a key that the issuer does not publish', 'token-invalid', { foreignKey: true }],
])('a token %s keeps the agent from starting: %s', async (_what, code, options) => {
  const issuer = await startIssuer()
  issuer.options = options
  await expect(startAgent(issuer.env())).rejects.toMatchObject({ code })
  await issuer.close()
})

test('a token of another key, replayed, keeps the agent from starting', async () => {
  const issuer = await startIssuer()
  issuer.answer = await issuer.mint(issuer.claims, 'https://sealwright.dev/key/other')
  await expect(startAgent(issuer.env())).rejects.toMatchObject({ code: 'token-key-mismatch' })
  await issuer.close()
})

test('a token of an issuer whose discovery names another, or reached by http elsewhere, keeps the agent from starting', async () => {
  const issuer = await startIssuer()
  issuer.answer = await issuer.mint(issuer.claims, 'x', { issuer: `${issuer.url}/` })
  await expect(startAgent(issuer.env())).rejects.toMatchObject({ code: 'token-invalid' })
  issuer.answer = await issuer.mint(issuer.claims, 'x', { issuer: 'http://issuer.example' })
  await expect(startAgent(issuer.env())).rejects.toMatchObject({ code: 'token-invalid' })
  issuer.answer = 'not a token'
  await expect(startAgent(issuer.env())).rejects.toMatchObject({ code: 'token-invalid' })
  await issuer.close()
})

test('a token endpoint that refuses names the missing permission', async () => {
  const issuer = await startIssuer()
  const env = { ...issuer.env(), ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'wrong' }
  await expect(startAgent(env)).rejects.toMatchObject({
    code: 'oidc-error',
    remedy: expect.stringContaining('id-token: write') as string,
  })
  await issuer.close()
})
