import { artifactOf } from '../../src/bundle/artifact.ts'
import { readTokenSubject } from '../../src/bundle/keyless/certificate.ts'
import { publicServices, readSigningConfig } from '../../src/bundle/keyless/signing-config.ts'
import { openKeyless, type KeylessContent, type KeylessSignature } from '../../src/bundle/keyless/sign.ts'
import { toBase64url } from '../../src/encoding/base64.ts'
import { openTimeStamper } from '../../src/log/timestamp/time-stamper.ts'
import { publicGoodRoot } from '../../src/sign/public-root.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { fakeHttp, testPorts } from '../../testkit/ports.ts'
import { payloadOf } from '../../testkit/sigstore/bundle.ts'
import { actionsIssuer, makeSigstore, trustedRootOf, uriName, workflowSan } from '../../testkit/sigstore/instance.ts'
import { services as addresses, sigstoreServices, type ServiceFaults } from '../../testkit/sigstore/services.ts'
import { startTimestampServer, type TestServer } from '../../testkit/timestamp/server.ts'

const sigstore = makeSigstore()
const root = parseTrustedRoot(Buffer.from(trustedRootOf(sigstore)))
const bytes = Buffer.from('an artifact')
const artifact = artifactOf(bytes, 'app.txt')
const claims = { iss: actionsIssuer, sub: 'repo:acme/app:ref:refs/heads/main' }
const tokenOf = (of: object): string => ['{}', JSON.stringify(of), 'x'].map((part) => toBase64url(part)).join('.')
const token = tokenOf(claims)

let tsa: TestServer
beforeAll(async () => {
  tsa = await startTimestampServer(sigstore.tsa)
})
afterAll(() => tsa.close())

/** The services without a network; the time stamp authority is a server of the test. */
function services(faults: ServiceFaults = {}) {
  const seen: string[] = []
  const request = sigstoreServices(sigstore, faults, seen, (url, options = {}) =>
    fetch(url, { method: 'POST', headers: { ...options.headers }, body: options.body as Uint8Array<ArrayBuffer> }),
  )
  return { seen, ports: testPorts({ http: fakeHttp(request) }) }
}

const named = { authority: new URL(addresses.fulcio), log: new URL(addresses.rekor) }
const open = (ports: ReturnType<typeof testPorts>, more: object = {}) =>
  openKeyless(
    {
      ...named,
      stamper: openTimeStamper(new URL(tsa.url), [], ports),
      token: () => Promise.resolve(token),
      root,
      ...more,
    },
    ports,
  )
const sign = async (
  ports: ReturnType<typeof testPorts>,
  more: object = {},
  content: KeylessContent = { kind: 'message', bytes },
): Promise<KeylessSignature> => (await open(ports, more)).sign(content, artifact)

test('a file and a statement are signed, logged and stamped, and every reader would accept the bundle', async () => {
  const { ports, seen } = services()
  const { verified, bundle } = await sign(ports)
  expect(verified.signer).toMatchObject({ kind: 'certificate', identity: { issuer: actionsIssuer } })
  expect([verified.times.length, verified.entries.length, verified.notes]).toEqual([1, 1, []])
  expect(JSON.parse(bundle.toString())).toMatchObject({ mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' })
  expect(bundle.toString()).not.toContain(token)
  expect(seen).toEqual(['https://fulcio.test/api/v2/signingCert', 'https://rekor.test/api/v2/log/entries'])

  const sha256 = artifact.digest('sha256')?.toString('hex') ?? ''
  const payload = payloadOf([{ digest: { sha256 } }])
  const statement = await sign(services().ports, {}, { kind: 'statement', payload })
  expect(statement.verified.statement?.predicateType).toBe('https://example.test/fact/v1')
  expect(statement.verified.entries[0]).toMatchObject({ kind: 'hashedrekord', version: '0.0.2' })
})

test('a busy service is asked again, one that refuses is told with what it said', async () => {
  const patient = services({ busy: [503, 429] })
  await sign(patient.ports)
  expect(patient.seen).toHaveLength(4)
  const refusing = services({ busy: [400] })
  await expect(sign(refusing.ports)).rejects.toMatchObject({
    code: 'sigstore-error',
    message: expect.stringContaining('later') as string,
  })
})

test.each<[string, ServiceFaults, string]>([
  ['a certificate of another key', { otherKey: true }, 'certificate-invalid'],
  ['a certificate without a timestamp', { leaf: { sct: 'none' } }, 'certificate-invalid'],
  ['a certificate of another issuer', { leaf: { issuer: 'https://issuer.evil' } }, 'identity-mismatch'],
  ['an expired certificate', { leaf: { to: new Date(Date.now() - 1000) } }, 'expired'],
  ['a log entry of another kind', { otherEntry: true }, 'log-invalid'],
])('%s is refused before anybody gets the bundle', async (_name, faults, code) => {
  await expect(sign(services(faults).ports)).rejects.toMatchObject({ code })
})

test('without a time stamp a certificate proves nothing: refused before a certificate is asked for', async () => {
  const { ports, seen } = services()
  await expect(sign(ports, { stamper: null })).rejects.toMatchObject({ code: 'time-unproven' })
  expect(seen).toEqual([])
})

test('what the trusted root does not vouch for is refused before anything is logged', async () => {
  for (const without of ['ctlogs', 'certificateAuthorities'] as const) {
    const { ports, seen } = services()
    const lacking = parseTrustedRoot(Buffer.from(trustedRootOf(sigstore, { without: [without] })))
    await expect(sign(ports, { root: lacking })).rejects.toMatchObject({ code: 'certificate-invalid' })
    expect(seen).toEqual(['https://fulcio.test/api/v2/signingCert'])
  }
})

/** Ports whose clock the test moves. */
function moved(faults: ServiceFaults = {}) {
  const { seen, ports } = services(faults)
  const clock = { ...ports.clock, now: () => new Date(Date.now() + late.ms) }
  const late = { ms: 0 }
  const asked = (): number => seen.filter((url) => url.startsWith(named.authority.href)).length
  return { ports: { ...ports, clock }, late, asked }
}

test('one certificate serves a run; near its end the next one is asked for', async () => {
  const { ports, late, asked } = moved()
  const signer = await open(ports)
  const content: KeylessContent = { kind: 'message', bytes }
  for (let n = 0; n < 3; n++) await signer.sign(content, artifact)
  expect(asked()).toBe(1)
  late.ms = 6 * 60_000
  await signer.sign(content, artifact)
  expect(asked()).toBe(1)
  late.ms = 8 * 60_000
  await Promise.all([1, 2].map(() => signer.sign(content, artifact)))
  // The certificate of the test is dated by the real clock, so each signature asks again.
  expect(asked()).toBe(3)
})

test('a certificate names the provider behind an issuer that passes identities on, and nobody else', async () => {
  const provider = 'https://accounts.example.test'
  const leaf = { issuer: provider }
  const dex = tokenOf({ ...claims, federated_claims: { connector_id: provider } })
  const { identity } = await open(services({ leaf }).ports, { token: () => Promise.resolve(dex) })
  expect(identity.issuer).toBe(provider)
  await expect(
    open(services({ leaf: { issuer: `${provider}/x` } }).ports, { token: () => Promise.resolve(dex) }),
  ).rejects.toMatchObject({
    code: 'identity-mismatch',
  })
})

test('a later certificate for somebody else is refused', async () => {
  const faults: ServiceFaults = {}
  const { ports, late } = moved(faults)
  const signer = await open(ports)
  late.ms = 8 * 60_000
  faults.leaf = { san: [uriName(`${workflowSan}x`)] }
  await expect(signer.sign({ kind: 'message', bytes }, artifact)).rejects.toMatchObject({ code: 'identity-mismatch' })
})

test('an expired token is refused without asking anybody', async () => {
  const { ports, seen } = services()
  const old = tokenOf({ ...claims, exp: Math.floor(Date.now() / 1000) - 1 })
  await expect(sign(ports, { token: () => Promise.resolve(old) })).rejects.toMatchObject({
    code: 'input-invalid',
    message: expect.stringContaining('expired at 20') as string,
  })
  expect(seen).toEqual([])
})

test('what is signed already is known again: by the same identity, over the same artifact, whole', async () => {
  const signer = await open(services().ports)
  const { bundle } = await signer.sign({ kind: 'message', bytes }, artifact)
  const again = await open(services().ports)
  expect(again.verifies(bundle, artifact)).toBe(true)
  expect(again.verifies(bundle, artifactOf(Buffer.from('another'), 'b.txt'))).toBe(false)
  const other = await open(services({ leaf: { san: [uriName(`${workflowSan}x`)] } }).ports)
  expect(other.verifies(bundle, artifact)).toBe(false)
  const part = (change: object): Buffer => {
    const whole = JSON.parse(bundle.toString()) as { verificationMaterial: object }
    return Buffer.from(JSON.stringify({ ...whole, verificationMaterial: { ...whole.verificationMaterial, ...change } }))
  }
  expect(again.verifies(part({}), artifact)).toBe(true)
  expect(again.verifies(part({ tlogEntries: [] }), artifact)).toBe(false)
  expect(again.verifies(part({ timestampVerificationData: { rfc3161Timestamps: [] } }), artifact)).toBe(false)
})

test('the services of the public instance stand in its trusted root', async () => {
  const found = publicServices(await publicGoodRoot(), new Date('2026-06-01T00:00:00Z'))
  expect([found.authority.href, found.log?.hostname, found.timestamp?.href]).toEqual([
    'https://fulcio.sigstore.dev/',
    'log2025-1.rekor.sigstore.dev',
    'https://timestamp.sigstore.dev/api/v1/timestamp',
  ])
  const none = { tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [] }
  expect(() => publicServices(none, new Date())).toThrow(/names no certificate authority/)
})

test('whom a token speaks for', () => {
  expect(readTokenSubject(token)).toEqual({
    issuers: [actionsIssuer],
    subject: claims.sub,
    expires: null,
  })
  expect(readTokenSubject(tokenOf({ ...claims, email: 'me@a.test', email_verified: true })).subject).toBe('me@a.test')
  expect(readTokenSubject(tokenOf({ ...claims, email: 'me@a.test', email_verified: false })).subject).toBe(claims.sub)
  for (const bad of ['', 'a.b', 'a.b.c', 'a.b.c.d', tokenOf({ iss: 'x' }), tokenOf([])])
    expect(() => readTokenSubject(bad)).toThrow(/the identity token/)
})

const start = '2026-01-01T00:00:00Z'
const at = new Date('2026-06-01T00:00:00Z')
const service = (url: string, majorApiVersion = 1, validFor: object = { start }): object => ({
  url,
  majorApiVersion,
  validFor,
  operator: 'x',
})
const config = (more: object): Buffer =>
  Buffer.from(
    JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
      caUrls: [service('https://fulcio.test')],
      ...more,
    }),
  )

test('of the services that are valid now the newest is taken, and of logs only Rekor v2', () => {
  const old = service('https://old.test', 2)
  const found = readSigningConfig(
    config({
      rekorTlogUrls: [
        service('https://v1.test', 1, { start: '2026-05-01T00:00:00Z' }),
        old,
        service('https://new.test', 2, { start: '2026-03-01T00:00:00Z' }),
        service('https://next.test', 2, { start: '2026-07-01T00:00:00Z' }),
        service('https://gone.test', 2, { start: '2026-04-01T00:00:00Z', end: '2026-05-01T00:00:00Z' }),
      ],
      tsaUrls: [service('http://127.0.0.1:2112/api/v1/timestamp')],
    }),
    at,
  )
  expect([found.authority.href, found.log?.href, found.timestamp?.href]).toEqual([
    'https://fulcio.test/',
    'https://new.test/',
    'http://127.0.0.1:2112/api/v1/timestamp',
  ])
  expect(readSigningConfig(config({}), at)).toMatchObject({ log: null, timestamp: null })
})

test.each<[string, object, RegExp]>([
  ['another version', { mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.1+json' }, /media type/],
  ['no authority', { caUrls: [] }, /no certificate authority/],
  [
    'an authority that is gone',
    { caUrls: [service('https://a.test', 1, { start, end: start })] },
    /no service in caUrls/,
  ],
  ['a log of version 1 alone', { rekorTlogUrls: [service('https://a.test', 1)] }, /no service in rekorTlogUrls/],
  ['several logs at once', { rekorTlogConfig: { selector: 'ALL' } }, /asks for ALL/],
  ['plain http to elsewhere', { caUrls: [service('http://fulcio.test')] }, /neither https nor on this machine/],
  ['a password in an address', { caUrls: [service('https://a:b@fulcio.test')] }, /neither https/],
])('a signing configuration with %s is refused', (_name, more, reason) => {
  expect(() => readSigningConfig(config(more), at)).toThrow(reason)
})
