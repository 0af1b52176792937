import { createPublicKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { findAttachedStatements } from '../../src/log/scitt/attach.ts'
import { judgeStatement, type StatementTrust } from '../../src/log/scitt/judge.ts'
import { readStatement } from '../../src/log/scitt/statement.ts'
import { findCosignSignatures, findStatements } from '../../src/sign/find.ts'
import { envelopePayload } from '../../src/sign/dsse.ts'
import { findNotation } from '../../src/sign/notation/attach.ts'
import { judgeNotation } from '../../src/sign/notation/verify.ts'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { verifyTimestamp } from '../../src/log/timestamp/verify.ts'
import { makeAuthority } from '../../testkit/timestamp/authority.ts'
import { startTimestampServer } from '../../testkit/timestamp/server.ts'
import { coseKeyThumbprint } from '../../src/sign/cose/key.ts'
import { verifySign1 } from '../../src/sign/cose/verify.ts'
import { makeKey } from '../../testkit/tee/pki/pki.ts'
import { privatePem, putImage } from './fixtures.ts'
import { job, stopAgents, type Job } from './job.ts'
import { certified } from './notation/fixtures.ts'

afterEach(stopAgents)

const fail = ({ error }: { error: Error }): never => {
  throw error
}

async function signing(
  kind: 'P-256' | 'P-384' | 'rsa' = 'P-256',
): Promise<{ by: ReturnType<typeof certified>; given: Record<string, string>; job: Job }> {
  const made = await job({ agent: false })
  const by = certified(kind)
  writeFileSync(join(made.ports.roots.cwd, 'my.key'), by.keyPem)
  writeFileSync(join(made.ports.roots.cwd, 'chain.pem'), by.chainPem)
  return { by, job: made, given: { image: 'oci:built:v1', signer: 'key', key: 'my.key', certificate: 'chain.pem' } }
}

const trustOf = (issuer: string): StatementTrust => ({
  keys: [],
  issuer,
  about: null,
  services: [],
  bindCurve: true,
  acceptNoSubject: false,
  authorities: [],
  at: new Date(),
})

/** Payloads of the in-toto statements that are attached as bundles. */
async function payloads(store: Store, image: Descriptor): Promise<string[]> {
  const found = await findStatements(store, image)
  return found.filter(({ origin }) => origin === 'referrer').map(({ envelope }) => envelopePayload(envelope).toString())
}

test('consumers notation and scitt get signatures of the key, which their readers take', async () => {
  const {
    by,
    given,
    job: { sign, published, image },
  } = await signing()
  const { report } = await sign({ ...given, consumers: 'notation,scitt' })
  const [signature, ...others] = await findNotation(published, image, fail)
  if (signature === undefined) throw new Error('no signature')
  expect(others).toEqual([])
  const trust = { store: by.chain.slice(1), identities: [{ CN: 'Signer' }], stampedTime: null, now: new Date() }
  expect(judgeNotation(signature.signature, image, trust).filter(({ ok }) => !ok)).toEqual([])

  const contents = await payloads(published, image)
  const attached = await findAttachedStatements(published, image, fail)
  expect(attached).toHaveLength(contents.length)
  expect(contents.length).toBeGreaterThanOrEqual(5)
  for (const { bytes } of attached) {
    const statement = readStatement(bytes, 'it')
    expect(statement.issuer).toMatch(/^did:x509:0:sha256:[\w-]{43}::subject:C:US:ST:WA:O:Sealwright%20tests:CN:Signer$/)
    expect(statement).toMatchObject({
      subject: `localhost/out@${image.digest}`,
      contentType: 'application/vnd.in-toto+json',
    })
    const good = contents.filter((content) =>
      judgeStatement(statement, trustOf(statement.issuer), Buffer.from(content)).checks.every(({ ok }) => ok),
    )
    expect(good).toHaveLength(1)
  }
  // Neither of them reads the legacy tags.
  expect(await findCosignSignatures(published, image)).toEqual([])
  const rows = report.tables.flatMap((table) => table.rows.map(([what]) => what))
  expect(rows).toContain('image signature (Notary Project)')
  expect(rows.filter((what) => what === 'signed statement (SCITT)')).toHaveLength(contents.length)
})

test('a second run adds nothing', async () => {
  const {
    given,
    job: { sign, published, image },
  } = await signing('P-384')
  await sign({ ...given, consumers: 'cosign3,notation,scitt' })
  const before = await published.referrers(image.digest)
  const { report } = await sign({ ...given, consumers: 'cosign3,notation,scitt' })
  expect(await published.referrers(image.digest)).toEqual(before)
  expect(report.headline).toMatch(/^Nothing to sign/)
})

test('an agent that runs signs its statements, and the key signs the same bytes for readers of COSE', async () => {
  const { sign, published, image, ports } = await job({ agent: true })
  writeFileSync(join(ports.roots.cwd, 'my.key'), privatePem('ed25519'))
  await sign({ signer: 'key', key: 'my.key', consumers: 'scitt' })
  const attached = await findAttachedStatements(published, image, fail)
  const contents = await payloads(published, image)
  for (const { bytes } of attached) {
    const { issuer, hashEnvelope, message } = readStatement(bytes, 'it')
    expect(issuer).toMatch(/^urn:ietf:params:oauth:ckt:sha-256:[\w-]{43}$/)
    expect(hashEnvelope?.hash.name).toBe('sha256')
    const digest = message.payload?.toString('hex')
    expect(contents.some((content) => artifactDigest(content) === digest)).toBe(true)
  }
  expect(attached.length).toBeGreaterThanOrEqual(5)
})

function artifactDigest(content: string): string {
  return sha256(Buffer.from(content)).slice('sha256:'.length)
}

test('a certificate that no consumer reads is refused, and nothing is signed', async () => {
  const { given, job } = await signing()
  await expect(job.sign({ ...given, consumers: 'cosign2,cosign3' })).rejects.toMatchObject({
    code: 'input-invalid',
    subject: 'certificate',
    message: '`certificate` is set, but no consumer reads it',
  })
})

test.each<[string, Record<string, string>, string, string]>([
  ['no certificates', { certificate: '' }, 'notation needs the certificates of the key', 'input-missing'],
  ['certificates of another key', { key: 'other.key' }, 'the first certificate belongs to another key', 'file-invalid'],
  ['certificates that are none', { certificate: 'my.key' }, 'expected 1 to 10 PEM certificates', 'file-invalid'],
  ['a certificate that is not there', { certificate: 'none.pem' }, 'cannot be read', 'file-missing'],
  ['a leaf without its root', { certificate: 'leaf.pem' }, 'does not reach its root', 'file-invalid'],
])('consumers: notation with %s is refused', async (_, change, why, code) => {
  const {
    by,
    given,
    job: { sign, ports, published },
  } = await signing()
  const write = (name: string, text: string): void => writeFileSync(join(ports.roots.cwd, name), text)
  write('other.key', privatePem())
  write('leaf.pem', by.chainPem.slice(0, by.chainPem.indexOf('-----END') + '-----END CERTIFICATE-----\n'.length))
  const inputs = Object.entries({ ...given, ...change, consumers: 'notation' }).filter(([, value]) => value !== '')
  const signed = sign(Object.fromEntries(inputs))
  await expect(signed).rejects.toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(why) }) as Error,
  )
  // The tag comes last: whoever pulls by tag never finds half of it.
  expect(await published.resolve({ tag: 'latest' }).catch(() => null)).toBeNull()
})

test('the agent signs for readers of COSE by its own rules, with certificates of its key where Notary Project reads', async () => {
  const { sign, published, image, ports, agent } = await job({ agent: true })
  const { publicKeyPem = '' } = (await agent?.status()) ?? {}
  // As a certificate authority of the organisation does that knows the key of this job.
  const own = certified('P-256', {
    key: { publicKey: createPublicKey(publicKeyPem), privateKey: makeKey('P-256').privateKey },
  })
  writeFileSync(join(ports.roots.cwd, 'chain.pem'), own.chainPem)
  writeFileSync(join(ports.roots.cwd, 'other.pem'), certified().chainPem)
  await expect(sign({ consumers: 'notation' })).rejects.toMatchObject({ code: 'input-missing', subject: 'certificate' })
  await expect(sign({ consumers: 'notation', certificate: 'other.pem' })).rejects.toMatchObject({
    code: 'file-invalid',
    message: 'the first certificate belongs to another key',
  })
  await sign({ consumers: 'notation,scitt', certificate: 'chain.pem' })
  const [signature] = await findNotation(published, image, fail)
  if (signature === undefined) throw new Error('no signature')
  const trust = { store: own.chain.slice(1), identities: [{ CN: 'Signer' }], stampedTime: null, now: new Date() }
  expect(judgeNotation(signature.signature, image, trust).filter(({ ok }) => !ok)).toEqual([])
  const contents = await payloads(published, image)
  const attached = await findAttachedStatements(published, image, fail)
  // All but the statement that points to the evidence.
  expect(attached).toHaveLength(contents.length - 1)
  for (const { bytes } of attached) {
    const statement = readStatement(bytes, 'it')
    expect(statement.subject).toBe(`localhost/out@${image.digest}`)
    const good = contents.filter((content) =>
      judgeStatement(statement, trustOf(statement.issuer), Buffer.from(content)).checks.every(({ ok }) => ok),
    )
    expect(good).toHaveLength(1)
  }
  const before = await published.referrers(image.digest)
  const { report } = await sign({ consumers: 'notation,scitt', certificate: 'chain.pem' })
  expect([await published.referrers(image.digest), report.headline]).toEqual([
    before,
    expect.stringMatching(/^Nothing to sign/),
  ])
})

test('without certificates the issuer of the agent’s SCITT statements is the thumbprint of its key, which is the key id', async () => {
  const { sign, published, image, agent } = await job({ agent: true })
  await sign({ consumers: 'scitt', statements: 'sign' })
  const [attached] = await findAttachedStatements(published, image, fail)
  const { issuer, kid, message } = readStatement(attached?.bytes ?? Buffer.alloc(0), 'it')
  const key = createPublicKey((await agent?.status())?.publicKeyPem ?? '')
  expect(kid).toEqual(coseKeyThumbprint(key))
  expect(issuer).toBe(`urn:ietf:params:oauth:ckt:sha-256:${kid?.toString('base64url')}`)
  expect(() => verifySign1(message, key)).not.toThrow()
})

test('the agent makes envelopes for its own images and statements only', async () => {
  const { agent, store, image, sign } = await job({ agent: true })
  if (agent === null) throw new Error('no agent')
  const { mediaType, digest, size } = await putImage(store, 'other', 'other')
  const other = { mediaType, digest, size }
  const certificates = certified().chain.map(({ bytes }) => bytes.toString('base64'))
  await expect(agent.notation({ subject: other, certificates })).rejects.toMatchObject({ code: 'role-mismatch' })
  const target = { mediaType: image.mediaType, digest: image.digest, size: image.size }
  await expect(agent.notation({ subject: target, certificates })).rejects.toMatchObject({ code: 'file-invalid' })
  await sign({ consumers: 'cosign3', statements: 'sign' })
  const { outputs } = (await agent.journal()).findLast(
    ({ kind, result }) => kind === 'statement' && String(result['predicateType']).includes('sign'),
  ) ?? {
    outputs: [],
  }
  const about = { name: 'localhost/out', subject: image.digest, certificates: null }
  const payload = outputs[0]?.digest ?? sha256('')
  expect((await agent.signedStatement({ ...about, payload })).length).toBeGreaterThan(100)
  await expect(agent.signedStatement({ ...about, payload: sha256('{}') })).rejects.toMatchObject({
    code: 'role-mismatch',
    message: expect.stringContaining('is not a statement that the agent of this job made') as string,
  })
  await expect(agent.signedStatement({ ...about, payload, subject: other.digest })).rejects.toMatchObject({
    code: 'role-mismatch',
    message: expect.stringContaining('is not about') as string,
  })
  await expect(agent.signedStatement({ ...about, payload, name: '../x' })).rejects.toMatchObject({
    code: 'input-invalid',
  })
})

test('signatures for readers of COSE are stamped once, where a time stamp service is named', async () => {
  const authority = makeAuthority()
  const server = await startTimestampServer(authority)
  try {
    const {
      by,
      given,
      job: { sign, published, image },
    } = await signing()
    const inputs = { ...given, consumers: 'notation,scitt' }
    await sign(inputs)
    const before = (await findNotation(published, image, fail)).length
    await sign({ ...inputs, timestamp: server.url })
    const pinned = [{ name: 'test', chain: authority.chain }]
    const signatures = await findNotation(published, image, fail)
    expect([before, signatures.length]).toEqual([1, 2])
    const trust = {
      store: by.chain.slice(1),
      identities: '*' as const,
      stampedTime: (token: Uint8Array, signature: Uint8Array) => verifyTimestamp(token, signature, pinned),
      // After the certificates ended: a stamp is what makes a signature count then.
      now: new Date('2050-01-01T00:00:00Z'),
    }
    const good = signatures.filter(({ signature }) => judgeNotation(signature, image, trust).every(({ ok }) => ok))
    expect(good).toHaveLength(1)

    const statements = (await findAttachedStatements(published, image, fail)).map(({ bytes }) =>
      readStatement(bytes, 'it'),
    )
    const late = (authorities: StatementTrust['authorities']): number =>
      statements.filter((one) =>
        judgeStatement(one, { ...trustOf(one.issuer), authorities, at: trust.now }, null).checks.every(({ ok }) => ok),
      ).length
    expect([late([]), late(pinned)]).toEqual([0, statements.length / 2])

    const asked = server.requests()
    const { report } = await sign({ ...inputs, timestamp: server.url })
    expect([report.headline, server.requests()]).toEqual([expect.stringMatching(/^Nothing to sign/), asked])
  } finally {
    await server.close()
  }
})
