import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentClient } from '../../src/agent/protocol.ts'
import type { Ports } from '../../src/base/ports.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/types.ts'
import { findStatements, type FoundStatement } from '../../src/sign/find.ts'
import type { KeylessRequest } from '../../src/tasks/sign/keyless.ts'
import { openKeylessSigner } from '../../src/tasks/sign/keyless.ts'
import { startIssuer, type Issuer } from '../../testkit/oidc.ts'
import { makeSigstore, trustedRootOf, uriName, workflowSan } from '../../testkit/sigstore/instance.ts'
import { services, sigstoreServices, type ServiceFaults } from '../../testkit/sigstore/services.ts'
import { startTimestampServer, type TestServer } from '../../testkit/timestamp/server.ts'
import { privatePem } from './fixtures.ts'
import { job, runSign, stopAgents, type Job } from './job.ts'

const sigstore = makeSigstore()
let tsa: TestServer
let issuer: Issuer
beforeAll(async () => {
  tsa = await startTimestampServer(sigstore.tsa)
  issuer = await startIssuer()
})
afterAll(async () => {
  await tsa.close()
  await issuer.close()
})
afterEach(stopAgents)

/** Two services and a time stamp authority; another address in place of one of them. */
function config(more: object = {}): string {
  const service = (url: string, majorApiVersion: number): object[] => [
    { url, majorApiVersion, validFor: { start: '2026-01-01T00:00:00Z' }, operator: 'test' },
  ]
  return JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: service(services.fulcio, 1),
    rekorTlogUrls: service(services.rekor, 2),
    tsaUrls: service(tsa.url, 1),
    ...more,
  })
}

interface KeylessJob extends Job {
  faults: ServiceFaults
  /** Addresses that were asked for certificates and log entries. */
  seen: string[]
  lines: string[]
  /** The action, keyless unless told otherwise. */
  keyless(given?: Record<string, string>, env?: Record<string, string>): Promise<ActionResult>
}

async function keylessJob(agent: boolean): Promise<KeylessJob> {
  const made = await job({ agent })
  const [faults, seen, lines] = [{} as ServiceFaults, [] as string[], [] as string[]]
  const { cwd } = made.ports.roots
  writeFileSync(join(cwd, 'config.json'), config())
  writeFileSync(join(cwd, 'root.json'), trustedRootOf(sigstore))
  const http = {
    ...made.ports.http,
    request: sigstoreServices(sigstore, faults, seen, (url, options) => made.ports.http.request(url, options)),
  }
  const log = { ...made.ports.log, warn: (line: string) => void lines.push(line) }
  const keyless: KeylessJob['keyless'] = (given = {}, env = issuer.env()) => {
    const ports: Ports = { ...made.ports, http, log, env: { ...made.ports.env, ...env } }
    const image = agent ? '' : 'oci:built:v1'
    const all = { image, signer: 'keyless', 'signing-config': 'config.json', 'trusted-root': 'root.json', ...given }
    return runSign(all, ports, made.directory)
  }
  return { ...made, faults, seen, lines, keyless }
}

async function signedBy({ published, image }: Job): Promise<Record<'key' | 'certificate', FoundStatement[]>> {
  const found = (await findStatements(published, image)).filter(({ origin }) => origin === 'referrer')
  const by = (kind: string): FoundStatement[] => found.filter(({ signer }) => signer?.kind === kind)
  return { key: by('key'), certificate: by('certificate') }
}

const certificates = (seen: readonly string[]): number => seen.filter((url) => url.startsWith(services.fulcio)).length

test('an identity signs every statement with one certificate, and a second run adds nothing', async () => {
  const made = await keylessJob(false)
  const { outputs, report } = await made.keyless()
  const { key, certificate } = await signedBy(made)
  expect([key.length, certificate.length]).toEqual([0, 6])
  expect(certificates(made.seen)).toBe(1)
  expect(made.seen).toHaveLength(7)
  expect(outputs).toMatchObject({
    'public-key-path': '',
    'signer-identity': workflowSan,
    'signer-issuer': issuer.url,
  })
  expect(report.facts).toContainEqual(['Signed by', `${workflowSan} (issuer ${issuer.url})`])
  // No reader of the older tags knows an identity.
  expect((await made.published.tags()).toSorted()).toEqual(['latest'])
  expect(report.notes?.join(' ')).toMatch(/No legacy tags were written/)

  const before = await made.published.referrers(made.image.digest)
  const again = await made.keyless()
  expect(again.report.headline).toMatch(/^Nothing to sign/)
  expect(await made.published.referrers(made.image.digest)).toEqual(before)
  expect(made.seen).toHaveLength(8)
  // The same bundles are given out again.
  const lines = (run: ActionResult): string[] => readFileSync(run.outputs['bundles-path'] ?? '', 'utf8').split('\n')
  expect(lines(again)).toHaveLength(7)
})

test('another identity adds its own bundles, and does not count the ones that are there', async () => {
  const made = await keylessJob(false)
  await made.keyless({ statements: 'sign' })
  made.faults.leaf = { san: [uriName(`${workflowSan}x`)] }
  const { report } = await made.keyless({ statements: 'sign' })
  expect(report.headline).toBe('Signed: 1 of 1 attached now')
  expect((await signedBy(made)).certificate).toHaveLength(2)
})

test('the manifests of an index are signed with the same certificate, each by a statement about itself', async () => {
  const made = await keylessJob(false)
  const { store, image, published } = made
  const child = { ...image, platform: { os: 'linux', architecture: 'amd64' } }
  const bytes = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [child] })
  const index = await store.putManifest(bytes, mediaTypes.index, { tag: 'multi' })
  await made.keyless({ image: 'oci:built:multi', statements: 'sign' })
  expect(certificates(made.seen)).toBe(1)
  for (const subject of [index, image]) {
    const found = await findStatements(published, subject)
    expect(found.map(({ statement }) => statement.subject[0]?.digest.sha256)).toEqual([subject.digest.slice(7)])
  }
  expect((await made.keyless({ image: 'oci:built:multi', statements: 'sign' })).report.headline).toMatch(/^Nothing/)
})

test('where an agent runs, the identity signs the very payloads of the agent, and the tags are the agent’s', async () => {
  const made = await keylessJob(true)
  writeFileSync(join(made.ports.roots.cwd, 'token'), await issuer.mint(issuer.claims, 'sigstore'))
  const sign = (): Promise<ActionResult> => made.keyless({ 'identity-token': 'token' }, {})
  const { outputs, report } = await sign()
  const { key, certificate } = await signedBy(made)
  const payloads = (found: readonly FoundStatement[]): string[] =>
    found.map(({ payloadDigest }) => payloadDigest).sort()
  // The evidence statement is the agent's alone.
  const shared = key.filter(({ predicateType }) => !predicateType.includes('scai'))
  expect(payloads(certificate)).toEqual(payloads(shared))
  expect(certificate.length).toBe(6)
  expect(outputs['public-key-path']).not.toBe('')
  expect((await made.published.tags()).toSorted()).toHaveLength(3)
  expect(report.notes?.join(' ')).not.toMatch(/No legacy tags/)
  expect((await sign()).report.headline).toMatch(/^Nothing to sign/)
})

test('a token that is given is used, and the runner is not asked', async () => {
  const made = await keylessJob(false)
  const token = await issuer.mint(issuer.claims, 'sigstore')
  writeFileSync(join(made.ports.roots.cwd, 'token'), `${token}\n`)
  await made.keyless({ statements: 'sign', 'identity-token': 'token' }, {})
  expect((await signedBy(made)).certificate).toHaveLength(1)
  await expect(made.keyless({ statements: 'sign' }, {})).rejects.toMatchObject({
    code: 'input-missing',
    subject: 'identity-token',
    remedy: expect.stringContaining('id-token: write') as string,
  })
})

test('the audience of the token is the one that was asked for', async () => {
  const made = await keylessJob(false)
  issuer.answer = await issuer.mint(issuer.claims, 'another')
  try {
    await made.keyless({ statements: 'sign', 'oidc-audience': 'another' })
    await expect(made.keyless({ statements: 'sign' })).rejects.toMatchObject({ code: 'token-key-mismatch' })
  } finally {
    issuer.answer = null
  }
})

test.each<[string, Record<string, string>, string, RegExp]>([
  ['no configuration', { 'signing-config': '' }, 'input-missing', /needs a signing configuration/],
  ['no trusted root', { 'trusted-root': '' }, 'input-missing', /needs the trusted root/],
  ['a configuration that is none', { 'signing-config': 'root.json' }, 'file-invalid', /signing-config: .*media type/],
  ['a trusted root that is none', { 'trusted-root': 'config.json' }, 'file-invalid', /trusted-root: .*media type/],
  ['a file that is not there', { 'signing-config': 'none.json' }, 'file-missing', /none\.json/],
  ['a key', { key: 'key.pem' }, 'input-invalid', /the signer is keyless/],
  ['a time stamp service beside', { timestamp: 'https://tsa.test' }, 'input-invalid', /^timestamp: signer keyless/],
  ['a log beside', { log: 'rekor:https://log.test' }, 'input-invalid', /^log: signer keyless/],
  ['a reader of COSE', { consumers: 'scitt' }, 'input-missing', /need a key/],
])('keyless with %s is refused before anything is asked for or published', async (_name, given, code, message) => {
  const made = await keylessJob(false)
  writeFileSync(join(made.ports.roots.cwd, 'key.pem'), privatePem())
  await expect(made.keyless(given)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
  expect(made.seen).toEqual([])
  expect(existsSync(join(made.ports.roots.cwd, 'out'))).toBe(false)
})

test('inputs of keyless with another signer are refused by name', async () => {
  const made = await keylessJob(false)
  writeFileSync(join(made.ports.roots.cwd, 'key.pem'), privatePem())
  for (const name of ['signing-config', 'trusted-root', 'identity-token']) {
    const given = { signer: 'key', key: 'key.pem', 'signing-config': '', 'trusted-root': '', [name]: 'root.json' }
    await expect(made.keyless(given)).rejects.toMatchObject({ code: 'input-invalid', subject: name })
  }
})

test('what the trusted root does not vouch for is not published', async () => {
  const made = await keylessJob(false)
  made.faults.leaf = { sct: 'none' }
  await expect(made.keyless()).rejects.toMatchObject({ code: 'certificate-invalid' })
  made.faults.leaf = {}
  made.faults.otherEntry = true
  await expect(made.keyless({ statements: 'sign' })).rejects.toMatchObject({ code: 'log-invalid' })
  expect(await made.published.tags()).toEqual([])
  expect(await made.published.referrers(made.image.digest)).toEqual([])
})

describe('whoever stamps', () => {
  const request = (): KeylessRequest => ({
    services: Buffer.from(config()),
    trustedRoot: Buffer.from(trustedRootOf(sigstore)),
    audience: 'sigstore',
    token: null,
  })
  const machine = (technology: string): AgentClient =>
    ({ status: () => Promise.resolve({ technology }) }) as unknown as AgentClient

  test('a machine of real hardware does not stamp its own signatures', async () => {
    const made = await keylessJob(false)
    await expect(openKeylessSigner(request(), machine('snp'), [], made.ports)).rejects.toMatchObject({
      code: 'self-timed',
    })
  })

  test('the public instance is named only in so many words, with a warning of what it publishes', async () => {
    const made = await keylessJob(false)
    await expect(made.keyless({ 'signing-config': 'public', 'trusted-root': '' }, {})).rejects.toMatchObject({
      code: 'input-missing',
      subject: 'identity-token',
    })
    expect(made.lines.join(' ')).toMatch(/publishes the certificate of each run .* for good/)
    expect(made.seen).toEqual([])
  })
})
