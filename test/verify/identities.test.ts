import { join } from 'node:path'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { makeStatement } from '../../src/statement/statement.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import type { GivenIdentities } from '../../src/verify/init/identity-lines.ts'
import { parsePolicy, type Policy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { makeKey } from '../../testkit/chain.ts'
import { checkOf, issuer, make, now, type Made } from '../../testkit/judged.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { fakeHttp, scratch, testPorts } from '../../testkit/ports.ts'
import {
  attachLegacy,
  bundleBytes,
  envelopeBody,
  hashedrekord1,
  payloadOf,
  rekorEntry,
  signKeyless,
  type BundleParts,
} from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  uriName,
  workflowSan,
  type LeafOptions,
  type TestLeaf,
} from '../../testkit/sigstore/instance.ts'
import { tufServer, TufWriter } from '../../testkit/sigstore/tuf.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'

const ports = testPorts()
const initPorts = { ...ports, clock: { ...ports.clock, now: () => now } }
const sigstore = makeSigstore()
const signedAt = new Date(now.getTime() - 3600_000)
const claims = {
  11: 'self-hosted',
  12: 'https://github.com/acme/app',
  14: 'refs/tags/v1.2.3',
  20: 'push',
  9: workflowSan,
}

const leafOf = (options: LeafOptions = {}): TestLeaf =>
  makeLeaf(sigstore, {
    claims,
    from: new Date(signedAt.getTime() - 60_000),
    to: new Date(signedAt.getTime() + 540_000),
    sctTime: signedAt,
    ...options,
  })

interface Image {
  reference: string
  store: ReturnType<typeof openStore>
  subject: Awaited<ReturnType<typeof putSmallImage>>
}

/** An image that nobody vouches for yet. */
async function image(): Promise<Image> {
  const layout = join(scratch('identities'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const subject = await putSmallImage(store, smallFiles)
  return { reference: `oci:${layout}@${subject.digest}`, store, subject }
}

/** Attaches what cosign 3 would: a statement signed keyless. */
async function sign(
  { store, subject }: Pick<Image, 'store' | 'subject'>,
  leaf: TestLeaf = leafOf(),
  spoil: (parts: BundleParts) => BundleParts = (parts) => parts,
  type: string = predicateTypes.sign,
): Promise<void> {
  const payload = payloadOf([{ digest: { sha256: subject.digest.slice(7) } }], type)
  const parts = signKeyless(sigstore, leaf, { payload, stampAt: signedAt })
  await attachBundle(store, subject, bundleBytes(spoil(parts)), type)
}

const release = { name: 'release', issuer: actionsIssuer, san: workflowSan }
/** A policy for an image that only its signature vouches for. */
const only = {
  version: 1,
  identities: [release] as object[],
  'trusted-root': 'root.json',
  statements: ['sign'],
  'accept-signature-only': true,
  'accept-not-rebuilt': true,
  'accept-unproven-time': true,
}

const read = async (file: string): Promise<string> => {
  if (file.endsWith('/root.json')) return trustedRootOf(sigstore)
  throw new Error(`no file ${file}`)
}

async function judge(reference: string, changes: object = {}): Promise<Verdict> {
  const policy = await parsePolicy(JSON.stringify({ ...only, ...changes }), '/policies/policy.yml', read)
  return verifyImage(reference, policy, { at: now }, ports)
}

const why = (verdict: Verdict): string => checkOf(verdict, 'signature.release').why

test('an image that an identity of the policy signed is admitted as signature-only, and the verdict names it', async () => {
  const made = await image()
  await sign(made)
  const verdict = await judge(made.reference)
  expect(verdict.reasons).toEqual([])
  expect(why(verdict)).toBe('signed by the identity "release"')
  expect(verdict.keys).toEqual(['release'])
  expect(verdict.exceptions).toContain('accept-signature-only')
})

test('a certificate for somebody else is called that, never a key', async () => {
  const made = await image()
  const evil = workflowSan.replace('acme', 'evil')
  await sign(made, leafOf({ san: [uriName(evil)] }))
  const verdict = await judge(made.reference)
  expect(verdict.reasons).toContain('identity-mismatch')
  expect(why(verdict)).toBe(
    `signed by a certificate for ${evil} (issuer ${actionsIssuer}), which the policy does not name: it names "${evil}"; expected is "${workflowSan}"`,
  )
  const pinned = { identities: undefined, 'trusted-root': undefined, 'release-keys': [makeKey().signer.publicKeyPem] }
  const byKey = await judge(made.reference, pinned)
  expect(why(byKey)).toMatch(
    /^signed by a certificate for .*evil.*, which the policy does not name: it has no identities$/,
  )
  expect(JSON.stringify(byKey.checks)).not.toMatch(/none of the/)
})

test('nobody signed: the reason names whom the policy names', async () => {
  const made = await image()
  const verdict = await judge(made.reference)
  expect(verdict.verified).toBe(false)
  expect(why(verdict)).toBe('none of the parties that the policy names signed this image: the identities "release"')
})

test('a stranger beside the right one changes nothing', async () => {
  const made = await image()
  await sign(made, leafOf({ san: [uriName('https://evil.test/')] }))
  await sign(made)
  expect((await judge(made.reference)).reasons).toEqual([])
})

test.each<[string, () => TestLeaf, (parts: BundleParts) => BundleParts, string, RegExp]>([
  ['no stamp', leafOf, (parts) => ({ ...parts, stamps: [] }), 'time-unproven', /when the certificate signed/],
  [
    'an expired certificate',
    () => leafOf({ to: new Date(signedAt.getTime() - 1000) }),
    (p) => p,
    'expired',
    /not valid when it signed/,
  ],
  ['another authority', () => makeLeaf(makeSigstore('sigstore.test')), (p) => p, 'certificate-invalid', /chain/],
  [
    'an entry about another signature',
    leafOf,
    (parts) => ({ ...parts, entries: signKeyless(sigstore, leafOf(), {}).entries }),
    'log-invalid',
    /another signature/,
  ],
  [
    'a timestamp of the certificate that is forged',
    () => leafOf({ sct: 'other-certificate' }),
    (p) => p,
    'certificate-invalid',
    /did not sign/,
  ],
])('%s: this signature does not count, for its own reason', async (_name, leaf, spoil, code, reason) => {
  const made = await image()
  await sign(made, leaf(), spoil)
  const verdict = await judge(made.reference)
  expect(verdict.reasons).toContain(code)
  expect(why(verdict)).toMatch(/^signed by a certificate for .*, but this signature does not count: /)
  expect(why(verdict)).toMatch(reason)
})

test('no log entry and no certificate timestamp are refused, unless a line accepts them by name', async () => {
  const unlogged = await image()
  await sign(unlogged, leafOf(), (parts) => ({ ...parts, entries: [] }))
  const refused = await judge(unlogged.reference)
  expect(refused.reasons).toEqual(['log-invalid'])
  expect(checkOf(refused, 'signature.logged').why).toContain('in no log of the trusted root: the identity "release"')
  const accepted = await judge(unlogged.reference, { 'accept-unlogged-signature': true })
  expect([accepted.reasons, accepted.exceptions]).toEqual([[], expect.arrayContaining(['accept-unlogged-signature'])])

  const secret = await image()
  await sign(secret, leafOf({ sct: 'none' }))
  expect((await judge(secret.reference)).reasons).toEqual(['certificate-invalid'])
  expect((await judge(secret.reference, { 'accept-unlogged-certificate': true })).reasons).toEqual([])
})

test('claims: each has to be in the certificate as the policy says', async () => {
  const made = await image()
  await sign(made)
  const asked = async (wanted: object): Promise<boolean> =>
    (await judge(made.reference, { identities: [{ ...release, claims: wanted }] })).verified
  for (const good of [
    { repository: 'acme/app' },
    { repository: 'https://github.com/acme/app' },
    { 'runner-environment': 'self-hosted', trigger: 'push' },
    { ref: 'refs/tags/v*' },
    { ref: 'refs/*/v1.2.3' },
    { workflow: 'acme/app/.github/workflows/release.yml' },
    { workflow: 'acme/app/.github/workflows/release.yml@refs/tags/v*' },
  ])
    expect([good, await asked(good)]).toEqual([good, true])
  for (const bad of [
    { repository: 'acme/app2' },
    { repository: 'acme/ap' },
    { 'runner-environment': 'github-hosted' },
    { trigger: 'pull_request' },
    { ref: 'refs/*' },
    { ref: 'refs/tags/v1' },
    { ref: 'tags/v*' },
    { workflow: 'acme/app/.github/workflows/release' },
    { workflow: 'acme/app/.github/workflows/release.yml@refs/heads/*' },
    { sha: 'a'.repeat(40) },
  ])
    expect([bad, await asked(bad)]).toEqual([bad, false])
  const hosted = { ...release, claims: { 'runner-environment': 'github-hosted' } }
  const told = await judge(made.reference, { identities: [{ ...hosted, name: 'a', san: 'b' }, hosted] })
  expect(why(told)).toMatch(/does not name: its claim runnerEnvironment is "self-hosted"; expected is "github-hosted"$/)
})

test('a pattern covers the whole name', async () => {
  const made = await image()
  await sign(made)
  const by = async (pattern: string): Promise<boolean> =>
    (await judge(made.reference, { identities: [{ name: 'any', issuer: actionsIssuer, 'san-pattern': pattern }] }))
      .verified
  expect(await by('https://github\\.com/acme/app/.+')).toBe(true)
  expect(await by('https://github\\.com/acme/app/')).toBe(false)
  expect(await by('acme/app')).toBe(false)
})

test('predicate confusion: what an identity attests of an image beside is no signature of it', async () => {
  const made = await image()
  await sign(made, leafOf(), (parts) => parts, 'https://in-toto.io/attestation/test-result/v0.1')
  const verdict = await judge(made.reference)
  expect(verdict.verified).toBe(false)
  expect(why(verdict)).toMatch(/^none of the parties/)
})

test('a signature over another image does not count', async () => {
  const [made, other] = [await image(), await image()]
  const foreign = payloadOf([{ digest: { sha256: 'ab'.repeat(32) } }], predicateTypes.sign)
  const parts = signKeyless(sigstore, leafOf(), { payload: foreign, stampAt: signedAt })
  await attachBundle(made.store, made.subject, bundleBytes(parts), predicateTypes.sign)
  expect((await judge(made.reference)).reasons).toContain('subject-mismatch')
  expect(other.subject.digest).toBe(made.subject.digest)
})

test('a threshold counts parties, not signatures', async () => {
  const key = makeKey().signer
  const second = { name: 'qa', issuer: actionsIssuer, san: workflowSan.replace('release', 'qa') }
  const policy = { identities: [release, second], 'release-keys': [key.publicKeyPem], threshold: 2 }
  const made = await image()
  await sign(made)
  // The same party once more, with another certificate.
  await sign(made)
  const one = await judge(made.reference, policy)
  expect(one.reasons).toContain('signature-invalid')
  expect(why(one)).toBe('signed by the identity "release" only: the policy asks for 2 of 3 parties')
  const statement = makeStatement('sign', { digest: made.subject.digest }, {})
  await attachBundle(
    made.store,
    made.subject,
    makeBundle(await signEnvelope(statement, key), key.hint),
    predicateTypes.sign,
  )
  const two = await judge(made.reference, policy)
  expect(two.reasons).toEqual([])
  expect(two.keys.toSorted()).toEqual([key.hint, 'release'].toSorted())
  expect((await judge(made.reference, { ...policy, threshold: 3 })).verified).toBe(false)
  const twice = { ...policy, 'release-keys': [key.publicKeyPem, key.publicKeyPem], threshold: 3 }
  expect((await judge(made.reference, twice)).verified).toBe(false)
  await sign(made, leafOf({ san: [uriName(second.san)] }))
  expect((await judge(made.reference, { ...policy, threshold: 3 })).reasons).toEqual([])
})

test('names that overlap: one signature counts for one of them, in any order of the policy', async () => {
  const broad = { name: 'anybody', issuer: actionsIssuer, 'san-pattern': 'https://github\\.com/acme/app/.+' }
  const qa = workflowSan.replace('release', 'qa')
  const made = await image()
  await sign(made)
  // The same signer again does not become a second party by it.
  await sign(made)
  for (const identities of [
    [broad, release],
    [release, broad],
  ]) {
    const one = await judge(made.reference, { identities, threshold: 2 })
    expect([one.verified, why(one)]).toEqual([
      false,
      expect.stringMatching(/only: the policy asks for 2 of 2 parties$/),
    ])
  }
  await sign(made, leafOf({ san: [uriName(qa)] }))
  for (const identities of [
    [broad, release],
    [release, broad],
  ]) {
    const two = await judge(made.reference, { identities, threshold: 2 })
    expect(two.reasons).toEqual([])
    expect(two.keys.toSorted()).toEqual(['anybody', 'release'])
  }
})

test('a signature that is in no log does not hide behind the logged one of another name', async () => {
  const broad = { name: 'anybody', issuer: actionsIssuer, 'san-pattern': 'https://github\\.com/acme/app/.+' }
  const policy = { identities: [release, broad], threshold: 2 }
  const made = await image()
  await sign(made)
  const other = leafOf({ san: [uriName(workflowSan.replace('release', 'qa'))] })
  await sign(made, other, (parts) => ({ ...parts, entries: [] }))
  expect((await judge(made.reference, policy)).reasons).toEqual(['log-invalid'])
  const accepted = await judge(made.reference, { ...policy, 'accept-unlogged-signature': true })
  expect([accepted.verified, accepted.exceptions.includes('accept-unlogged-signature')]).toEqual([true, true])
})

test('a release key that a certificate names too is one party', async () => {
  const made = await image()
  const leaf = leafOf()
  await sign(made, leaf)
  const pem = leaf.key.publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const twice = await judge(made.reference, { 'release-keys': [pem], threshold: 2 })
  expect([twice.verified, why(twice)]).toEqual([false, expect.stringContaining('asks for 2 of 2 parties')])
  expect((await judge(made.reference, { 'release-keys': [pem], threshold: 1 })).reasons).toEqual([])
})

test('the window of an identity is compared with the proven time of its signature', async () => {
  const made = await image()
  await sign(made)
  const within = (from: number, to: number): object => ({
    identities: [{ ...release, 'not-before': new Date(from).toISOString(), 'not-after': new Date(to).toISOString() }],
  })
  const [day, at] = [86_400_000, signedAt.getTime()]
  expect((await judge(made.reference, within(at - day, at + 1000))).reasons).toEqual([])
  const late = await judge(made.reference, within(at + 1000, at + day))
  expect(late.reasons).toContain('expired')
  expect(why(late)).toContain('the identity release counts from')
})

test('cosign’s older forms with certificate and Rekor entry in annotations are read, too', async () => {
  const made = await image()
  const payload = simpleSigningPayload({ dockerReference: 'localhost/app', digest: made.subject.digest })
  const leaf = leafOf()
  const parts = signKeyless(sigstore, leaf, { artifact: payload, log: 'rekor', stampAt: signedAt })
  const logged = { bytes: payload, signature: parts.signature, verifier: { certificate: leaf.der } }
  const entry = rekorEntry(sigstore.rekor, hashedrekord1(logged), signedAt)
  await attachLegacy(made.store, made.subject, 'sig', payload, parts.signature, leaf, entry)
  expect((await judge(made.reference)).reasons).toEqual([])

  const spoiled = await image()
  const other = rekorEntry(sigstore.rekor, hashedrekord1({ ...logged, bytes: Buffer.from('other') }), signedAt)
  await attachLegacy(spoiled.store, spoiled.subject, 'sig', payload, parts.signature, leaf, other)
  expect((await judge(spoiled.reference)).reasons).toContain('log-invalid')

  const attested = await image()
  const statement = payloadOf([{ digest: { sha256: attested.subject.digest.slice(7) } }], predicateTypes.sign)
  const dsse = signKeyless(sigstore, leaf, { payload: statement, log: 'rekor' })
  const body = envelopeBody('dsse', statement, { signature: dsse.signature, verifier: { certificate: leaf.der } })
  const envelope = (JSON.parse(bundleBytes(dsse).toString()) as { dsseEnvelope: object }).dsseEnvelope
  const bytes = Buffer.from(JSON.stringify(envelope))
  await attachLegacy(
    attested.store,
    attested.subject,
    'att',
    bytes,
    null,
    leaf,
    rekorEntry(sigstore.rekor, body, signedAt),
  )
  expect((await judge(attested.reference)).reasons).toEqual([])
})

test('self-hosted and evidence that verifies: both are asked for where the policy says both', async () => {
  const made: Made = await make()
  const policy = async (changes: object): Promise<Verdict> =>
    verifyImage(
      made.reference,
      await parsePolicy(
        policyText(made.base, issuer, {
          identities: [{ ...release, claims: { 'runner-environment': 'self-hosted' } }],
          'trusted-root': 'root.json',
          ...changes,
        }),
        '/policies/policy.yml',
        read,
      ),
      { at: now },
      ports,
    )
  const unsigned = await policy({})
  expect(unsigned.reasons).toEqual(['signature-invalid'])
  await sign({ store: made.store, subject: made.base.subject }, leafOf({ claims: { ...claims, 11: 'github-hosted' } }))
  expect((await policy({})).reasons).toEqual(['identity-mismatch'])
  await sign({ store: made.store, subject: made.base.subject })
  const verdict = await policy({})
  expect(verdict.reasons).toEqual([])
  expect(verdict.exceptions).not.toContain('accept-signature-only')
})

test('policy init writes a policy for an image that an identity signed, and it verifies that image', async () => {
  const made = await image()
  await sign(made, leafOf({ claims: { ...claims, 15: '100001' } }))
  const identities: GivenIdentities = {
    identities: [{ san: workflowSan, issuer: actionsIssuer }],
    trustedRoot: { text: trustedRootOf(sigstore), name: 'root.json' },
  }
  const { text } = await initPolicy(made.reference, { publicKeys: [], identities }, initPorts)
  expect(text).toContain(
    `    san: ${JSON.stringify(workflowSan)}\n    claims:\n      repository-id: "100001"\n      runner-environment: "self-hosted"\n`,
  )
  expect(text).toContain('accept-signature-only: true  # UNSAFE')
  expect(text).not.toContain('accept-unlogged')
  const policy = await parsePolicy(text, '/policies/policy.yml', read)
  expect((await verifyImage(made.reference, policy, { at: now }, ports)).reasons).toEqual([])

  const unlogged = await image()
  await sign(unlogged, leafOf(), (parts) => ({ ...parts, entries: [] }))
  const lacking = await initPolicy(unlogged.reference, { publicKeys: [], identities }, initPorts)
  expect(lacking.text).toContain('accept-unlogged-signature: true  # UNSAFE')

  const evil = { ...identities, identities: [{ san: workflowSan, issuer: 'https://issuer.evil' }] }
  await expect(initPolicy(made.reference, { publicKeys: [], identities: evil }, initPorts)).rejects.toMatchObject({
    code: 'identity-mismatch',
  })
})

test.each<[string, object, RegExp]>([
  [
    'identities without a trusted root',
    { 'trusted-root': undefined },
    /trusted-root: identities need the trusted root/,
  ],
  [
    'a trusted root for nobody',
    { identities: undefined, 'release-keys': ['k.pem'] },
    /trusted-root: is for identities/,
  ],
  ['a name twice', { identities: [release, release] }, /name: names a party that is there already/],
  ['more than there are', { threshold: 2 }, /threshold: asks for 2 of 1 parties/],
  [
    'neither name nor pattern',
    { identities: [{ name: 'x', issuer: actionsIssuer }] },
    /give either san or san-pattern/,
  ],
  ['both', { identities: [{ ...release, 'san-pattern': '.*' }] }, /give either san or san-pattern/],
  [
    'a pattern that is none',
    { identities: [{ name: 'x', issuer: actionsIssuer, 'san-pattern': 'a)|(b' }] },
    /not a regular expression/,
  ],
  ['an unknown claim', { identities: [{ ...release, claims: { repo: 'acme/app' } }] }, /repo/],
  ['a trusted root that is none', { 'trusted-root': 'other.json' }, /other\.json, named by the policy, cannot be read/],
])('policy: %s is refused', async (_name, changes, message) => {
  await expect(parsePolicy(JSON.stringify({ ...only, ...changes }), '/policies/policy.yml', read)).rejects.toThrow(
    message,
  )
})

test('the trusted root comes from a TUF repository whose root the policy pins', async () => {
  const url = 'https://tuf.test'
  const writer = new TufWriter()
  const root = writer.publishRoot()
  writer.publish({ targets: { 'trusted_root.json': Buffer.from(trustedRootOf(sigstore)) } })
  const server = tufServer(url, writer.files)
  const env = { SEALWRIGHT_TUF_CACHE: scratch('tuf-cache') }
  const tufPorts = { ...testPorts({ http: fakeHttp(server.request), env }), clock: initPorts.clock }
  const load = (changes: object = {}, bytes = root): Promise<Policy> =>
    parsePolicy(
      JSON.stringify({ ...only, 'trusted-root': { tuf: url, root: '1.root.json', ...changes } }),
      '/policies/policy.yml',
      () => Promise.resolve(bytes.toString()),
    )
  const { reference, store, subject } = await image()
  await sign({ store, subject })
  const judgeBy = async (policy: Policy): Promise<Verdict> => verifyImage(reference, policy, { at: now }, tufPorts)

  const policy = await load()
  await expect(judgeBy(policy)).resolves.toMatchObject({ verified: true })
  expect(server.asked).toContain('timestamp.json')
  // The pinned root is part of the policy, what it leads to is not.
  await expect(load({}, Buffer.concat([root, Buffer.from('\n')]))).resolves.not.toMatchObject({ digest: policy.digest })

  writer.publish({ targets: { 'trusted_root.json': Buffer.from(trustedRootOf(makeSigstore('other.test'))) } })
  await expect(load().then(judgeBy)).resolves.toMatchObject({ verified: false, policy: { digest: policy.digest } })
  writer.publish({ targets: {}, versions: { timestamp: 1 } })
  await expect(judgeBy(policy)).rejects.toMatchObject({ code: 'rolled-back' })
  await expect(load({ target: 'none.json' }).then(judgeBy)).rejects.toMatchObject({ code: 'rolled-back' })
  await expect(load({ tuf: 'tuf.test' })).rejects.toMatchObject({ code: 'file-invalid' })
  await expect(load({ root: undefined })).rejects.toMatchObject({ code: 'file-invalid' })
})
