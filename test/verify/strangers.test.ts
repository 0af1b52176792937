import { rm } from 'node:fs/promises'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { blobPath } from '../../src/oci/layout-files.ts'
import { mediaTypes, type Descriptor, type Digest, type Manifest, type Store } from '../../src/oci/types.ts'
import { bundleMediaType } from '../../src/sign/bundle.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { legacyTag } from '../../src/sign/legacy.ts'
import { makeStatement } from '../../src/statement/statement.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { parsePolicy, type Policy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { forgeChain, makeIssuer, makeKey, type ChainBase, type ChainKey } from '../../testkit/chain.ts'
import { testPorts } from '../../testkit/ports.ts'
import { preparedImages } from '../../testkit/prepared-image.ts'
import { smallClaims } from '../../testkit/small-image.ts'
import { scan, stranger, strangersBundle, strangersKinds, type Stranger } from '../../testkit/strangers.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'

/** TRUST §5.2: whoever may push can neither block the gate nor fool it. */
const issuer = makeIssuer()
const prepared = preparedImages('strangers')
const now = new Date()
const ports = testPorts()

async function policyOf(changes: Record<string, unknown> = {}): Promise<Policy> {
  return parsePolicy(policyText({ claims: smallClaims } as unknown as ChainBase, issuer, changes), '/policy.yml')
}

interface Target {
  layout: string
  reference: string
  store: Store
  base: ChainBase
  key: ChainKey
}

async function good(): Promise<Target> {
  const { reference, store, base } = await prepared()
  const { key } = await forgeChain(store, base, { issuer, at: now })
  return { layout: reference.slice('oci:'.length), reference: `${reference}:latest`, store, base, key }
}

async function judge({ reference }: Target, changes: Record<string, unknown> = {}): Promise<Verdict> {
  return verifyImage(reference, await policyOf(changes), { at: now }, ports)
}

function push({ layout, base }: Target, act: (s: Stranger, subject: Descriptor) => void, first = true): void {
  const s = stranger(layout, base.subject)
  act(s, base.subject)
  s.save({ first })
}

/** Takes away everything that a key signed, and the evidence that is bound to it. */
async function removeGood({ store, layout, base }: Target): Promise<void> {
  for (const { digest } of await store.referrers(base.subject.digest)) await rm(blobPath(layout, digest))
}

test.each(Object.entries(strangersKinds))('%s beside a good image is a note', async (_name, make) => {
  const target = await good()
  const before = await judge(target)
  expect(before.reasons).toEqual([])
  expect(before.notes).toEqual([])
  push(target, (s, subject) => void [0, 1, 2, 3, 4].map((i) => make(s, subject, i)))
  const verdict = await judge(target)
  expect(verdict.reasons).toEqual([])
  expect({ ...verdict, notes: [] }).toEqual({ ...before, notes: [] })
  // A pointer to nothing is as good as none: verdicts of other gates come and go with theirs.
  if (_name !== 'an unsigned pointer to evidence') expect(verdict.notes.join()).toMatch(/ignored, 5 × .* and 2 more/)
})

test('all kinds at once refuse nothing, and count for nothing where the good evidence is gone', async () => {
  const target = await good()
  await removeGood(target)
  push(target, (s, subject) => {
    for (const make of Object.values(strangersKinds)) for (let i = 0; i < 3; i++) make(s, subject, i)
  })
  const verdict = await judge(target)
  expect(verdict.verified).toBe(false)
  expect(verdict.reasons[0]).toBe('missing-statement')
  await forgeChain(target.store, target.base, { issuer, at: now })
  expect((await judge(target)).reasons).toEqual([])
})

test.each<[string, (s: Stranger, subject: Descriptor, target: Target) => void]>([
  [
    'an unsigned verdict that names the key',
    (s, { digest }, { key }) => {
      const statement = scan(digest, { predicateType: predicateTypes.vsa })
      const bytes = strangersBundle(statement, { hint: key.signer.hint, signed: false })
      s.attach({ artifactType: bundleMediaType, layers: [{ mediaType: bundleMediaType, bytes }] })
    },
  ],
  [
    'an unsigned provenance that names the key, declared as one',
    (s, { digest }, { key }) => {
      const statement = scan(digest, { predicateType: predicateTypes.provenance })
      const bytes = strangersBundle(statement, { hint: key.signer.hint, signed: false })
      const annotations = { 'dev.sigstore.bundle.predicateType': predicateTypes.provenance }
      s.attach({ artifactType: bundleMediaType, layers: [{ mediaType: bundleMediaType, bytes }], annotations })
    },
  ],
  [
    'a payload of very many brackets',
    (s) => {
      const bytes = strangersBundle(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
      s.attach({ artifactType: bundleMediaType, layers: [{ mediaType: bundleMediaType, bytes }] })
    },
  ],
  [
    'seventeen signatures',
    (s, { digest }) => {
      const signatures = Array.from({ length: 17 }, () => ({ sig: 'AAAA' }))
      const bytes = strangersBundle(scan(digest), { signatures })
      s.attach({ artifactType: bundleMediaType, layers: [{ mediaType: bundleMediaType, bytes }] })
    },
  ],
  [
    'another payload type, and base64 of neither alphabet',
    (s, { digest }) => {
      for (const change of [{ payloadType: 'text/plain' }, { text: '-+' }]) {
        const bytes = strangersBundle(scan(digest), change)
        s.attach({ artifactType: bundleMediaType, layers: [{ mediaType: bundleMediaType, bytes }] })
      }
    },
  ],
  [
    'a layer that is gone, and one of another size',
    (s, subject) => {
      const gone = { mediaType: bundleMediaType, digest: `sha256:${'b'.repeat(64)}`, size: 5 }
      const short = { mediaType: bundleMediaType, ...s.blob('short'), size: 400 }
      for (const layer of [gone, short]) {
        const config = { mediaType: mediaTypes.empty, ...s.blob('{}') }
        const { mediaType, digest, size } = subject
        const value = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] }
        s.list(s.manifest({ ...value, artifactType: bundleMediaType, subject: { mediaType, digest, size } }))
      }
    },
  ],
  ['a listed manifest that is no JSON', (s) => s.list({ mediaType: mediaTypes.manifest, ...s.blob('{') })],
  [
    'an index under the .sig tag and the .att tag',
    (s, { digest }) => {
      const index = s.manifest({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] })
      s.tag(legacyTag(digest, 'sig'), index)
      s.tag(legacyTag(digest, 'att'), index)
    },
  ],
])('%s refuses nothing', async (_name, act) => {
  const target = await good()
  push(target, (s, subject) => act(s, subject, target))
  expect((await judge(target)).reasons).toEqual([])
  // With a pinned key the legacy tags are read, too.
  const release = makeKey()
  await forgeRelease(target, release)
  expect((await judge(target, { 'release-keys': [release.signer.publicKeyPem] })).reasons).toEqual([])
})

async function forgeRelease({ store, base }: Target, release: ChainKey): Promise<void> {
  const payload = makeStatement('sign', { digest: base.subject.digest }, {})
  const bundle = makeBundle(await signEnvelope(payload, release.signer), release.signer.hint)
  await attachBundle(store, base.subject, bundle, predicateTypes.sign)
}

test('entries of index.json that are not descriptors, and megabytes of annotations there, refuse nothing', async () => {
  const target = await good()
  const before = await judge(target)
  const path = join(target.layout, 'index.json')
  const index = JSON.parse(readFileSync(path, 'utf8')) as { manifests: object[] }
  const { mediaType } = target.base.subject
  const bad = ['sha512:0', 'sha256:0', 7].map((digest) => ({ mediaType, digest, size: 1 }))
  const long = { mediaType, digest: `sha256:${'0'.repeat(64)}`, size: 1, annotations: { a: 'x'.repeat(17 << 20) } }
  writeFileSync(path, JSON.stringify({ ...index, manifests: [...bad, null, long, ...index.manifests] }))
  expect({ ...(await judge(target)), notes: [] }).toEqual({ ...before, notes: [] })
})

test('a good statement that is attached again under another annotation loses nothing', async () => {
  const target = await good()
  for await (const { content } of target.store.readReferrers(target.base.subject.digest, () => {})) {
    if (!('layers' in content) || content.layers[0]?.mediaType !== bundleMediaType) continue
    const bytes = readFileSync(blobPath(target.layout, content.layers[0].digest))
    const annotations = { 'dev.sigstore.bundle.predicateType': 'https://spdx.dev/Document/v2.3' }
    push(target, (s) => {
      s.attach({ artifactType: bundleMediaType, layers: [{ mediaType: bundleMediaType, bytes }], annotations })
    })
  }
  expect((await judge(target)).reasons).toEqual([])
})

test('a statement of the job’s key over another image is nobody’s business here', async () => {
  const target = await good()
  const other = `sha256:${'e'.repeat(64)}` as Digest
  for (const kind of ['provenance', 'vsa', 'inventory'] as const) {
    const payload = looseStatement(kind, { digest: other })
    const bundle = makeBundle(await signEnvelope(payload, target.key.signer), target.key.signer.hint)
    await attachBundle(target.store, target.base.subject, bundle, predicateTypes[kind])
  }
  const verdict = await judge(target)
  expect(verdict.reasons).toEqual([])
  expect(verdict.notes.join()).toContain('ignored, 3 × speaks of another image')
})

describe('large documents', () => {
  /** Larger than what is read however many there are (src/sign/documents.ts). */
  const padded = (payload: Buffer): Buffer => Buffer.concat([payload, Buffer.alloc(2 << 20, 0x20)])

  /** Says that `count` blobs of a size are bundles; to say so costs a stranger nothing, and a reader's budget as if they were there. */
  function claim(s: Stranger, subject: Descriptor, count: number, size: number, declared: string): void {
    const annotations = { 'dev.sigstore.bundle.predicateType': declared }
    for (let i = 0; i < count; i++) {
      const layer = { mediaType: bundleMediaType, digest: sha256(`${size} ${i}`), size }
      const config = { mediaType: mediaTypes.empty, ...s.blob('{}') }
      const value = { schemaVersion: 2, mediaType: mediaTypes.manifest, artifactType: bundleMediaType, config }
      const { mediaType, digest } = subject
      s.list(s.manifest({ ...value, layers: [layer], subject: { mediaType, digest, size: subject.size }, annotations }))
    }
  }
  // More than the budget, and smaller than the good one, so that all come before it.
  const flood = (s: Stranger, subject: Descriptor): void => claim(s, subject, 150, 2 << 20, predicateTypes.provenance)

  test('of strangers, more of them than are read, do not hide a large one of the job', async () => {
    const { reference, store, base } = await prepared()
    const payload = (kind: string, own: Buffer): Buffer => (kind === 'provenance' ? padded(own) : own)
    const { key } = await forgeChain(store, base, { issuer, at: now, payload })
    const target = { layout: reference.slice('oci:'.length), reference: `${reference}:latest`, store, base, key }
    expect((await judge(target)).reasons).toEqual([])
    push(target, flood)
    push(target, (s, subject) => claim(s, subject, 3, 120 << 20, predicateTypes.provenance))
    const verdict = await judge(target)
    expect(verdict.reasons).toEqual([])
    // Nothing that the journal names is missing after the good one: what is larger is left out.
    expect(verdict.notes.join()).toMatch(
      /3 × was not read: over the budget of 268435456 bytes .* \(377487360 bytes\): sha256/,
    )
  })

  test('of strangers are left out where nothing is missing, and told where a statement is', async () => {
    const target = await good()
    push(target, flood)
    const verdict = await judge(target)
    expect(verdict.reasons).toEqual([])
    expect(verdict.notes.join()).toMatch(/22 × was not read/)
    await removeGood(target)
    push(target, flood)
    const refused = await judge(target)
    expect(refused.reasons[0]).toBe('missing-statement')
    const why = refused.checks.find(({ id }) => id === 'signature.evidence')?.why
    expect(why).toContain('22 referrer(s) of 46137344 bytes were not read: over the budget of 268435456 bytes')
  })

  test('of strangers do not hide a large one of a pinned key', async () => {
    const { reference, store, base } = await prepared()
    const release = makeKey()
    const changes = {
      'release-keys': [release.signer.publicKeyPem],
      'accept-signature-only': true,
      statements: ['sign'],
    }
    const target = {
      layout: reference.slice('oci:'.length),
      reference: `${reference}:latest`,
      store,
      base,
      key: release,
    }
    const payload = padded(makeStatement('sign', { digest: base.subject.digest }, {}))
    const bundle = makeBundle(await signEnvelope(payload, release.signer), release.signer.hint)
    await attachBundle(store, base.subject, bundle, predicateTypes.sign)
    const before = await judge(target, changes)
    expect(before.checks.find(({ id }) => id === 'signature.release')?.status).toBe('passed')
    push(target, flood)
    const after = await judge(target, changes)
    expect({ ...after, notes: [] }).toEqual({ ...before, notes: [] })
  })

  test('one blob that many referrers name costs one reading', async () => {
    const target = await good()
    push(target, (s, { digest }) => {
      const bytes = strangersBundle(scan(digest, { predicate: { text: 'x'.repeat(2 << 20) } }))
      for (let i = 0; i < 50; i++)
        s.attach({
          artifactType: bundleMediaType,
          layers: [{ mediaType: bundleMediaType, bytes }],
          annotations: { i: String(i) },
        })
    })
    const verdict = await judge(target)
    expect(verdict.reasons).toEqual([])
    expect(verdict.notes.join()).toContain('50 × is signed by no key that counts')
  })
})

describe('many runs of one image', () => {
  const minutes = (n: number): Date => new Date(now.getTime() - n * 60_000)

  test('the seventeenth is as good as the first, and the newest is judged', async () => {
    const target = await good()
    for (let run = 1; run <= 17; run++) await forgeChain(target.store, target.base, { issuer, at: minutes(run) })
    const verdict = await judge(target)
    expect(verdict.reasons).toEqual([])
    expect(verdict.keys).toEqual([target.key.id])
    expect(verdict.notes.join()).toContain('ignored, 17 × is evidence of another run')
  })

  test('newer runs that the policy refuses do not hide an older good one', async () => {
    const { reference, store, base } = await prepared()
    const { key } = await forgeChain(store, base, { issuer, at: minutes(60) })
    for (let run = 1; run <= 18; run++)
      await forgeChain(store, base, { issuer, at: minutes(run), claims: { event_name: 'pull_request_target' } })
    const verdict = await verifyImage(reference, await policyOf(), { at: now }, ports)
    expect(verdict.reasons).toEqual([])
    expect(verdict.keys).toEqual([key.id])
  })

  test('evidence by another issuer neither helps nor hurts', async () => {
    const target = await good()
    const foreign = makeIssuer('https://foreign.example')
    for (let run = 0; run < 3; run++) await forgeChain(target.store, target.base, { issuer: foreign, at: now })
    expect((await judge(target)).keys).toEqual([target.key.id])
    await removeGood(target)
    await forgeChain(target.store, target.base, { issuer: foreign, at: now })
    expect((await judge(target)).reasons).toEqual(['token-invalid', 'missing-statement'])
  })

  test('copies of good evidence with other reports are passed over', async () => {
    const target = await good()
    const evidence: Manifest[] = []
    for await (const stored of target.store.readReferrers(target.base.subject.digest, () => {}))
      if ('layers' in stored.content && stored.content.layers.length > 4) evidence.push(stored.content)
    expect(evidence).toHaveLength(1)
    push(target, (s) => {
      for (let i = 0; i < 30; i++) {
        const layers = (evidence[0]?.layers ?? []).map((layer, at) =>
          at === 0 ? layer : at === 4 + (i % 2) ? { ...layer, ...s.blob(`junk ${i}`) } : layer,
        )
        s.list(s.manifest(JSON.parse(JSON.stringify({ ...evidence[0], layers, annotations: { i: String(i) } }))))
      }
    })
    expect((await judge(target)).reasons).toEqual([])
  })
})

test('no layer of an image that nobody vouches for is read', async () => {
  const { reference, base, store } = await prepared()
  const { content } = await store.getManifest(base.subject.digest)
  for (const layer of 'layers' in content ? content.layers : []) {
    await rm(blobPath(reference.slice('oci:'.length), layer.digest))
  }
  const verdict = await verifyImage(reference, await policyOf(), { at: now }, ports)
  expect(verdict.reasons).toEqual(['missing-evidence'])
  expect(verdict.checks.find(({ id }) => id === 'content.layers')).toMatchObject({
    status: 'skipped',
    why: 'no layer was read, because signature.evidence has failed already',
  })
})
