import { join } from 'node:path'
import { putArtifact } from '../../src/oci/artifact.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { mediaTypes, type Descriptor, type Index, type Platform, type Store } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { attachCosignSignature } from '../../src/sign/legacy.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { roles } from '../../src/journal/event.ts'
import { makeStatement } from '../../src/statement/statement.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { parsePolicy, type Policy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage, type VerifyOptions } from '../../src/verify/verify-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { forgeChain, makeIssuer, makeKey, type ChainBase, type ForgeOptions } from '../../testkit/chain.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallClaims, smallFiles } from '../../testkit/small-image.ts'

/** TRUST §5.1: what the verdict calls verified is what was named, and what a runtime takes of it. */
const issuer = makeIssuer()
const now = new Date()
const ports = testPorts()
const amd64: Platform = { os: 'linux', architecture: 'amd64' }
const arm64: Platform = { os: 'linux', architecture: 'arm64' }

interface Place {
  layout: string
  store: Store
  good: ChainBase
  other: ChainBase
  evil: Descriptor
}

async function place(): Promise<Place> {
  const layout = join(scratch('index'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const image = async (text: string): Promise<Descriptor> =>
    putSmallImage(store, { ...smallFiles, 'app/index.js': text }, text)
  const good = await smallBase(store, await image('good'))
  const other = await smallBase(store, await image('other'))
  const evil = await image('evil')
  for (const base of [good, other]) await forgeChain(store, base, { issuer, at: now })
  return { layout, store, good, other, evil }
}

type Entry = Descriptor & Partial<Pick<Descriptor, 'platform' | 'artifactType'>>
const of = (descriptor: Descriptor, platform?: Platform, more: Partial<Descriptor> = {}): Entry => ({
  mediaType: descriptor.mediaType,
  digest: descriptor.digest,
  size: descriptor.size,
  ...(platform === undefined ? {} : { platform }),
  ...more,
})

async function putIndex(store: Store, manifests: Entry[], tag?: string): Promise<Descriptor> {
  const index: Index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests }
  return store.putManifest(manifestBytes(index), mediaTypes.index, { tag })
}

async function policyOf(changes: Record<string, unknown> = {}): Promise<Policy> {
  return parsePolicy(policyText({ claims: smallClaims } as unknown as ChainBase, issuer, changes), '/policy.yml')
}

async function judge(
  { layout }: Place,
  reference: string,
  options: VerifyOptions = {},
  changes: Record<string, unknown> = {},
): Promise<Verdict> {
  return verifyImage(`oci:${layout}${reference}`, await policyOf(changes), { at: now, ...options }, ports)
}

test.each<[string, (place: Place) => Entry[] | Promise<Entry[]>]>([
  [
    'hidden by an artifact type',
    ({ good, evil }) => [of(evil, amd64, { artifactType: 'application/x' }), of(good.subject, amd64)],
  ],
  ['as another variant', ({ good, evil }) => [of(evil, { ...amd64, variant: 'v3' }), of(good.subject, amd64)]],
  ['without a platform', ({ good, evil }) => [of(good.subject, amd64), of(evil)]],
  [
    'under another name of the architecture',
    ({ good, evil }) => [of(evil, { os: 'Linux', architecture: 'x86_64' }), of(good.subject, amd64)],
  ],
  [
    'of an empty architecture',
    ({ good, evil }) => [of(evil, { os: 'linux', architecture: '' }), of(good.subject, amd64)],
  ],
  [
    'with an annotation of an attestation',
    ({ good, evil }) => [
      of(evil, amd64, { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }),
      of(good.subject, amd64),
    ],
  ],
  [
    'with a media type of its own',
    ({ good, evil }) => [of({ ...evil, mediaType: 'application/x' }, amd64), of(good.subject, amd64)],
  ],
  [
    'that the index calls an index',
    ({ good, evil }) => [of({ ...evil, mediaType: mediaTypes.index }, amd64), of(good.subject, amd64)],
  ],
  [
    'that the index calls a list of Docker’s',
    ({ good, evil }) => [of({ ...evil, mediaType: mediaTypes.dockerManifestList }, amd64), of(good.subject, amd64)],
  ],
  [
    'in a nested index',
    async ({ store, good, evil }) => [of(await putIndex(store, [of(evil, amd64)])), of(good.subject, amd64)],
  ],
])('a second child of one platform, %s, is refused for the tag and the index', async (_name, entries) => {
  const found = await place()
  const index = await putIndex(found.store, await entries(found), '1.0')
  for (const reference of [':1.0', `@${index.digest}`]) {
    const verdict = await judge(found, reference)
    expect(verdict.reasons).toEqual(['index-unattested'])
    expect(verdict.image.digest).toBe(index.digest)
  }
  const asked = await judge(found, ':1.0', { platform: 'linux/amd64' })
  expect(asked.reasons).toEqual(['index-unattested'])
  const named = await judge(found, `@${found.good.subject.digest}`)
  expect(named.reasons).toEqual([])
  expect(named.image.reference).toBe(`oci:${found.layout}@${found.good.subject.digest}`)
})

test('an index is verified where every child passes on its own, and lists them', async () => {
  const found = await place()
  const attestation = await putArtifact(found.store, { artifactType: 'application/x', layers: [] })
  const entries = [
    of(found.good.subject, amd64),
    of(found.other.subject, arm64),
    of(attestation, { os: 'unknown', architecture: 'unknown' }),
  ]
  const index = await putIndex(found.store, entries, '1.0')
  const verdict = await judge(found, ':1.0')
  expect(verdict.reasons).toEqual([])
  expect(verdict.image).toMatchObject({
    reference: `oci:${found.layout}@${index.digest}`,
    digest: index.digest,
    children: [
      { digest: found.good.subject.digest, platform: 'linux/amd64', verified: true },
      { digest: found.other.subject.digest, platform: 'linux/arm64', verified: true },
    ],
  })
  // Two agents: the verdict as a whole is of no one job, and names that of each.
  expect(verdict.job.instance).toBeNull()
  const instances = verdict.image.children?.map((child) => child.job.instance)
  expect(new Set(instances).size).toBe(2)
  expect(instances).not.toContain(null)
})

test('one unattested child of another platform refuses the index; platform names the attested one alone', async () => {
  const found = await place()
  await putIndex(found.store, [of(found.good.subject, amd64), of(found.evil, arm64)], '1.0')
  const whole = await judge(found, ':1.0')
  expect(whole.reasons).toEqual(['index-unattested', 'missing-evidence'])
  const asked = await judge(found, ':1.0', { platform: 'linux/amd64' })
  expect(asked.reasons).toEqual([])
  expect(asked.image).toMatchObject({
    reference: `oci:${found.layout}@${found.good.subject.digest}`,
    digest: found.good.subject.digest,
  })
  expect(asked.image.children).toBeUndefined()
  // The index calls an amd64 image arm64: what was asked for is not what would run.
  const mislabelled = await judge(found, ':1.0', { platform: 'linux/arm64' })
  expect(mislabelled.reasons).toEqual(['subject-mismatch', 'missing-evidence'])
  await expect(judge(found, ':1.0', { platform: 'linux/s390x' })).rejects.toMatchObject({ code: 'not-found' })
  await expect(judge(found, ':1.0', { platform: 'amd64' })).rejects.toMatchObject({ code: 'input-invalid' })
})

describe('the platform that was asked for must be the one of the configuration', () => {
  const why = async (reference: (found: Place) => string, platform: string): Promise<[string[], string]> => {
    const found = await place()
    const amd = of(found.good.subject, amd64)
    await putIndex(found.store, [amd], 'right')
    await putIndex(found.store, [amd, of(found.other.subject, arm64)], 'wrong')
    await putIndex(found.store, [of(found.good.subject)], 'unnamed')
    const verdict = await judge(found, reference(found), { platform })
    return [verdict.reasons, verdict.checks.find(({ id }) => id === 'subject.image')?.why ?? '']
  }
  const single = (found: Place): string => `@${found.good.subject.digest}`
  test.each<[string, (found: Place) => string, string]>([
    ['of a single manifest', single, 'linux/amd64'],
    ['of a single manifest, in any variant', single, 'linux/amd64/v3'],
    ['of a single manifest, under another name', single, 'Linux/x86_64'],
    ['of a child', () => ':right', 'linux/amd64'],
    ['of a child without platform', () => ':unnamed', 'linux/amd64/v2'],
  ])('%s', async (_name, reference, platform) => {
    expect((await why(reference, platform))[0]).toEqual([])
  })
  test.each<[string, (found: Place) => string, string]>([
    ['a single manifest', single, 'linux/arm64'],
    ['a single manifest of another system', single, 'windows/amd64'],
    ['a child that the index calls so', () => ':wrong', 'linux/arm64'],
    ['a child without platform', () => ':unnamed', 'linux/arm64'],
  ])('%s is refused', async (_name, reference, platform) => {
    const [reasons, text] = await why(reference, platform)
    expect(reasons).toEqual(['subject-mismatch'])
    expect(text).toBe(`the image is linux/amd64, ${platform} was asked for`)
  })
})

test.each<[string, (place: Place) => Promise<Entry[]>]>([
  ['of attestations alone', async ({ evil }) => [of(evil, { os: 'unknown', architecture: 'unknown' })]],
  [
    'of too many manifests',
    async ({ good }) =>
      Array.from({ length: 300 }, (_, i) => of(good.subject, { os: `os${i}`, architecture: 'amd64' })),
  ],
  [
    'of too many levels',
    async ({ store, good }) => {
      let inner = await putIndex(store, [of(good.subject, amd64)])
      for (let level = 0; level < 6; level++) inner = await putIndex(store, [of(inner)])
      return [of(inner)]
    },
  ],
])('an index %s is refused', async (_name, entries) => {
  const found = await place()
  await putIndex(found.store, await entries(found), '1.0')
  expect((await judge(found, ':1.0')).reasons).toEqual(['index-unattested'])
})

describe('statements of the index itself', () => {
  /** A chain whose statements speak of the index; `built` are the digests that its one build put out. */
  async function forgeOver(
    found: Place,
    index: Descriptor,
    built: string[],
    options: Partial<ForgeOptions> = {},
  ): Promise<void> {
    const rename = (bytes: Buffer): Buffer => {
      const text = bytes.toString('utf8')
      const at = text.lastIndexOf(found.good.subject.digest.slice(7))
      return Buffer.from(text.slice(0, at) + index.digest.slice(7) + text.slice(at + 64))
    }
    const base: ChainBase = {
      ...found.good,
      subject: index,
      payloads: found.good.payloads.map(({ kind, payload }) => ({ kind, payload: rename(payload) })),
      drafts: found.good.drafts.map((draft) => {
        const image = { role: roles.image, name: 'image', mediaType: mediaTypes.index }
        const items = built.map((digest) => ({ ...image, digest: digest as `sha256:${string}` }))
        if (draft.kind === 'build') return { ...draft, outputs: [...draft.outputs, ...items] }
        return { ...draft, inputs: [...draft.inputs, { ...image, digest: index.digest }] }
      }),
    }
    await forgeChain(found.store, base, { issuer, at: now, ...options })
  }

  async function bare(): Promise<Place> {
    const found = await place()
    const good = await smallBase(
      found.store,
      await putSmallImage(found.store, { ...smallFiles, 'app/index.js': 'bare' }, 'bare'),
    )
    return { ...found, good }
  }

  test('count where one build put out the index and its child', async () => {
    const found = await bare()
    const index = await putIndex(found.store, [of(found.good.subject, amd64)], '1.0')
    await forgeOver(found, index, [index.digest])
    expect((await judge(found, ':1.0')).reasons).toEqual([])
    // The child alone carries nothing.
    expect((await judge(found, `@${found.good.subject.digest}`)).verified).toBe(false)
  })

  test('do not count where the build put out only the child, or not every child', async () => {
    const found = await bare()
    const index = await putIndex(found.store, [of(found.good.subject, amd64), of(found.evil, arm64)], '1.0')
    await forgeOver(found, index, [index.digest])
    const verdict = await judge(found, ':1.0', { platform: 'linux/amd64' })
    expect(verdict.reasons).toContain('index-unattested')
    expect((await judge(found, ':1.0')).reasons[0]).toBe('index-unattested')
  })
})

describe('a release key that signed the index', () => {
  const release = makeKey()
  const lines = {
    'release-keys': [release.signer.publicKeyPem],
    'accept-signature-only': true,
    'accept-not-rebuilt': true,
    statements: ['sign'],
  }
  const bySelf = async ({ store }: Place, index: Descriptor): Promise<unknown> => {
    const payload = makeStatement('sign', { digest: index.digest }, {})
    const bundle = makeBundle(await signEnvelope(payload, release.signer), release.signer.hint)
    return attachBundle(store, index, bundle, predicateTypes.sign)
  }
  const byTag = async ({ store }: Place, index: Descriptor): Promise<unknown> => {
    const payload = simpleSigningPayload({ dockerReference: store.identity, digest: index.digest })
    return attachCosignSignature(store, index, [{ payload, signature: await release.signer.sign(payload) }])
  }

  test.each([
    ['with a bundle', bySelf],
    ['under the .sig tag', byTag],
  ])('%s vouches for its children, whose digests it covers', async (_name, signIt) => {
    const found = await place()
    const index = await putIndex(found.store, [of(found.evil, amd64), of(found.other.subject, arm64)], '1.0')
    const none = await judge(found, ':1.0', {}, lines)
    expect(none.reasons).toContain('missing-evidence')
    await signIt(found, index)
    const verdict = await judge(found, ':1.0', {}, lines)
    expect(verdict.reasons).toEqual([])
    expect(verdict.image.digest).toBe(index.digest)
    // Without the line a signature is not enough, and the child alone was signed by nobody.
    expect((await judge(found, ':1.0', {}, { ...lines, 'accept-signature-only': undefined })).verified).toBe(false)
    expect((await judge(found, `@${found.evil.digest}`, {}, lines)).reasons).toContain('missing-evidence')
  })

  test('does not settle which of two children of one platform runs', async () => {
    const found = await place()
    const index = await putIndex(found.store, [of(found.evil, amd64), of(found.other.subject, amd64)], '1.0')
    await bySelf(found, index)
    expect((await judge(found, ':1.0', {}, lines)).reasons).toEqual(['index-unattested'])
  })
})

test('the expected digest may be the index that was named, or the image that is judged', async () => {
  const found = await place()
  const index = await putIndex(found.store, [of(found.good.subject, amd64)], '1.0')
  for (const expectDigest of [index.digest, found.good.subject.digest])
    expect((await judge(found, ':1.0', { expectDigest })).reasons).toEqual([])
  const other = await judge(found, ':1.0', { expectDigest: found.evil.digest })
  expect(other.reasons).toContain('rolled-back')
})
