import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TransportError, VerificationError } from '../../src/base/errors.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { blobPath } from '../../src/oci/layout-files.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { bundleMediaType, makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope, verifyEnvelope } from '../../src/sign/dsse.ts'
import { findCosignSignatures, findLimits, findStatements } from '../../src/sign/find.ts'
import { attachCosignAttestation, attachCosignSignature, legacyTag } from '../../src/sign/legacy.ts'
import { loadPublicKey, verifySignature } from '../../src/sign/public-key.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { makeStatement } from '../../src/statement/statement.ts'
import { predicateTypes, type Signer, type StatementKind } from '../../src/statement/types.ts'
import { testPorts } from '../../testkit/ports.ts'
import { stranger } from '../../testkit/strangers.ts'
import { newSigner, putImage, storeOf } from './fixtures.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'

let store: Store
let image: Descriptor
let signer: Signer
let layout: string

beforeEach(async () => {
  const ports = testPorts()
  layout = join(ports.roots.cwd, 'layout')
  store = storeOf('oci:layout', ports)
  image = await putImage(store, 'v1')
  signer = await newSigner()
})

async function bundleOf(kind: StatementKind, digest: Digest = image.digest): Promise<Buffer> {
  return makeBundle(await signEnvelope(looseStatement(kind, { digest }), signer), signer.hint)
}

async function putReferrer(bytes: Buffer, mediaType = bundleMediaType): Promise<Descriptor> {
  return putArtifact(store, { artifactType: bundleMediaType, subject: image, layers: [{ mediaType, bytes }] })
}

describe('bundles', () => {
  test('nothing attached is an empty list', async () => {
    expect(await findStatements(store, image)).toEqual([])
    expect(await findCosignSignatures(store, image)).toEqual([])
  })

  test('are found with what they say, and verify', async () => {
    const put = await attachBundle(store, image, await bundleOf('sign'), predicateTypes.sign)
    const [found] = await findStatements(store, image)
    expect(found).toMatchObject({
      origin: 'referrer',
      manifest: put.digest,
      predicateType: predicateTypes.sign,
      signer: { hint: signer.hint },
    })
    expect(found && verifyEnvelope(found.envelope, signer.publicKeyPem)).toEqual(found?.payload)
  })

  test('the same bundle again gives the same referrer', async () => {
    const bundle = await bundleOf('sign')
    const first = await attachBundle(store, image, bundle, predicateTypes.sign)
    expect(await attachBundle(store, image, bundle, predicateTypes.sign)).toEqual(first)
    expect(await store.referrers(image.digest)).toHaveLength(1)
  })

  test('an SBOM of 30 MB is carried and found whole', async () => {
    const document = Buffer.from(`{"spdxVersion":"SPDX-2.3","x":"${'y'.repeat(30 << 20)}"}`)
    const payload = makeStatement('spdx', image, { document })
    const bundle = makeBundle(await signEnvelope(payload, signer), signer.hint)
    await attachBundle(store, image, bundle, predicateTypes.spdx)
    const [found] = await findStatements(store, image)
    expect(found && verifyEnvelope(found.envelope, signer.publicKeyPem).equals(payload)).toBe(true)
  })

  test('another artifact type does not hide one: the layer tells', async () => {
    await putArtifact(store, {
      artifactType: 'application/vnd.oci.empty.v1+json',
      subject: image,
      layers: [{ mediaType: bundleMediaType, bytes: await bundleOf('sign') }],
    })
    expect(await findStatements(store, image)).toHaveLength(1)
  })

  test('other artifacts are passed over', async () => {
    await putReferrer(Buffer.from('x'), 'application/vnd.example')
    expect(await findStatements(store, image)).toEqual([])
  })

  test('predicate types may be picked, and what is inside decides', async () => {
    await attachBundle(store, image, await bundleOf('sign'), predicateTypes.sign)
    await attachBundle(store, image, await bundleOf('rebuild'), predicateTypes.rebuild)
    // Says that it is provenance, holds something else: an annotation neither selects nor excludes.
    await attachBundle(store, image, await bundleOf('inventory'), predicateTypes.provenance)
    const pick = async (kind: StatementKind): Promise<string[]> =>
      (await findStatements(store, image, { predicateTypes: [predicateTypes[kind]] })).map(
        ({ predicateType }) => predicateType,
      )
    expect(await pick('rebuild')).toEqual([predicateTypes.rebuild])
    expect(await pick('provenance')).toEqual([])
    expect(await pick('inventory')).toEqual([predicateTypes.inventory])
  })

  test('a statement of another subject is given as it is: the gate refuses it by name', async () => {
    const other: Digest = `sha256:${'f'.repeat(64)}`
    await attachBundle(store, image, await bundleOf('sign', other), predicateTypes.sign)
    expect((await findStatements(store, image))[0]?.statement.subject[0].digest['sha256']).toBe('f'.repeat(64))
  })

  const payloadOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
  const statement = { _type: 'https://in-toto.io/Statement/v1', predicateType: 'x', predicate: {} }
  test.each([
    ['that is no JSON', () => Promise.resolve(Buffer.from('{'))],
    ['that is empty', () => Promise.resolve(Buffer.from('{}'))],
    [
      'of a null subject',
      async () => makeBundle(await signEnvelope(payloadOf({ ...statement, subject: [null] }), signer), signer.hint),
    ],
    ['of no statement', async () => makeBundle(await signEnvelope(payloadOf({}), signer), signer.hint)],
  ])('a bundle %s is an error, never "none"; a reader may go on', async (_title, make) => {
    await putReferrer(await make())
    await attachBundle(store, image, await bundleOf('sign'), predicateTypes.sign)
    await expect(findStatements(store, image)).rejects.toBeInstanceOf(VerificationError)
    const broken: unknown[] = []
    expect(await findStatements(store, image, { onBroken: (item) => broken.push(item) })).toHaveLength(1)
    expect(broken).toHaveLength(1)
  })

  test('two layers in one referrer are refused', async () => {
    const bytes = await bundleOf('sign')
    await putArtifact(store, {
      artifactType: bundleMediaType,
      subject: image,
      layers: [
        { mediaType: bundleMediaType, bytes },
        { mediaType: 'application/x', bytes: Buffer.from('x') },
      ],
    })
    await expect(findStatements(store, image)).rejects.toMatchObject({ code: 'format-invalid' })
  })

  test('a document over the limit is not read', async () => {
    await attachBundle(store, image, await bundleOf('sign'), predicateTypes.sign)
    const large: Store = {
      ...store,
      readReferrers: async function* (digest, onBroken) {
        for await (const stored of store.readReferrers(digest, onBroken)) {
          const found = structuredClone(stored)
          const layer = 'layers' in found.content ? found.content.layers[0] : undefined
          if (layer) layer.size = findLimits.documentBytes + 1
          yield found
        }
      },
      openBlob: () => Promise.reject(new Error('must not be read')),
    }
    await expect(findStatements(large, image)).rejects.toThrow(/over the limit/)
  })

  test('more referrers than anybody reads by hand are all read', async () => {
    await attachBundle(store, image, await bundleOf('sign'), predicateTypes.sign)
    const s = stranger(layout, image)
    for (let i = 0; i < 1001; i++)
      s.attach({ artifactType: 'application/x', layers: [{ mediaType: 'text/plain', bytes: `n${i}` }] })
    s.save()
    expect(await findStatements(store, image)).toHaveLength(1)
  })

  test('a listed manifest that is gone is told of, and hides nothing', async () => {
    const gone = await attachBundle(store, image, await bundleOf('rebuild'), predicateTypes.rebuild)
    await attachBundle(store, image, await bundleOf('sign'), predicateTypes.sign)
    await rm(blobPath(layout, gone.digest))
    await expect(findStatements(store, image)).rejects.toMatchObject({ code: 'missing-blob' })
    const broken: string[] = []
    expect(await findStatements(store, image, { onBroken: ({ manifest }) => broken.push(manifest) })).toHaveLength(1)
    expect(broken).toEqual([gone.digest])
    expect(await store.referrers(image.digest)).toHaveLength(1)
  })

  test('a registry that refuses is never "none"', async () => {
    const refusing = (): Promise<never> => Promise.reject(new TransportError('registry-error', '429'))
    const refusingList = async function* (): AsyncGenerator<never> {
      yield await refusing()
    }
    await expect(
      findStatements({ ...store, readReferrers: refusingList }, image, { onBroken: () => {} }),
    ).rejects.toBeInstanceOf(TransportError)
    await expect(findStatements({ ...store, resolve: refusing }, image, { onBroken: () => {} })).rejects.toBeInstanceOf(
      TransportError,
    )
    await expect(
      findCosignSignatures({ ...store, resolve: refusing }, image, { onBroken: () => {} }),
    ).rejects.toBeInstanceOf(TransportError)
  })
})

describe('legacy tags', () => {
  const payload = (): Buffer => simpleSigningPayload({ dockerReference: 'localhost/layout', digest: image.digest })

  test('signatures of several keys stand beside each other, a retry adds none', async () => {
    const other = await newSigner()
    const theirs = [{ payload: payload(), signature: await other.sign(payload()) }]
    await attachCosignSignature(store, image, theirs)
    const ours = [{ payload: payload(), signature: await signer.sign(payload()) }]
    const put = (await attachCosignSignature(store, image, ours)).manifest
    expect(await attachCosignSignature(store, image, ours)).toMatchObject({
      manifest: { digest: put.digest },
      added: false,
    })
    const found = await findCosignSignatures(store, image)
    expect(found).toHaveLength(2)
    const goodFor = (key: Signer): boolean[] =>
      found.map((item) => verifySignature(loadPublicKey(key.publicKeyPem), item.payload, item.signature))
    expect(goodFor(other)).toEqual([true, false])
    expect(goodFor(signer)).toEqual([false, true])
  })

  test('attestations are found by content, in the order of writing', async () => {
    const kinds = ['provenance', 'spdx'] as const
    const envelopes = await Promise.all(kinds.map((kind) => signEnvelope(looseStatement(kind, image), signer)))
    await attachCosignAttestation(
      store,
      image,
      envelopes.map((envelope, i) => ({ envelope, predicateType: predicateTypes[kinds[i] ?? 'sign'] })),
    )
    const found = await findStatements(store, image)
    expect(found.map(({ origin, predicateType }) => [origin, predicateType])).toEqual(
      kinds.map((kind) => ['att', predicateTypes[kind]]),
    )
    const spdx = await findStatements(store, image, { predicateTypes: [predicateTypes.spdx] })
    expect(spdx).toHaveLength(1)
  })

  test.each([
    ['no signature', {}, undefined],
    ['a signature that is no base64', { 'dev.cosignproject.cosign/signature': '*' }, undefined],
    ['a payload that is no simple signing', { 'dev.cosignproject.cosign/signature': 'AAAA' }, Buffer.from('{}')],
  ])('a layer with %s is an error', async (_title, annotations: Record<string, string>, bytes) => {
    await putArtifact(store, {
      artifactType: 'application/x',
      layers: [
        { mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json', bytes: bytes ?? payload(), annotations },
      ],
      tag: legacyTag(image.digest, 'sig'),
    })
    await expect(findCosignSignatures(store, image)).rejects.toMatchObject({ code: 'format-invalid' })
    const broken: unknown[] = []
    expect(await findCosignSignatures(store, image, { onBroken: (item) => broken.push(item) })).toEqual([])
    expect(broken).toHaveLength(1)
  })

  test('an index under a legacy tag is told of, and the next signature takes its place', async () => {
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }
    await store.putManifest(Buffer.from(JSON.stringify(index)), mediaTypes.index, {
      tag: legacyTag(image.digest, 'sig'),
    })
    await expect(findCosignSignatures(store, image)).rejects.toMatchObject({ code: 'format-invalid' })
    const broken: unknown[] = []
    expect(await findCosignSignatures(store, image, { onBroken: (item) => broken.push(item) })).toEqual([])
    expect(broken).toHaveLength(1)
    await attachCosignSignature(store, image, [{ payload: payload(), signature: await signer.sign(payload()) }])
    expect(await findCosignSignatures(store, image)).toHaveLength(1)
  })

  test('a broken .att tag does not hide the referrers', async () => {
    await attachBundle(store, image, await bundleOf('sign'), predicateTypes.sign)
    await putArtifact(store, {
      artifactType: 'application/x',
      layers: [{ mediaType: 'application/vnd.dsse.envelope.v1+json', bytes: Buffer.from('{}') }],
      tag: legacyTag(image.digest, 'att'),
    })
    await expect(findStatements(store, image)).rejects.toBeInstanceOf(VerificationError)
    expect(await findStatements(store, image, { onBroken: () => {} })).toHaveLength(1)
  })
})
