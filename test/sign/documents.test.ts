import { join } from 'node:path'
import { VerificationError } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/streams.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { bundleMediaType, makeBundle } from '../../src/sign/bundle.ts'
import { findLimits, readDocuments, type Place, type ReadPlan } from '../../src/sign/documents.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { bundlePlace, findCosignSignatures, findStatements } from '../../src/sign/find.ts'
import { legacyTag } from '../../src/sign/legacy.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import type { Signer } from '../../src/statement/types.ts'
import { testPorts } from '../../testkit/ports.ts'
import { stranger } from '../../testkit/strangers.ts'
import { newSigner, putImage, storeOf } from './fixtures.ts'

/** TRUST §5.2: what strangers attach costs one fetch a blob, and hides nothing that counts. */
let signer: Signer
let opened: Digest[]
/** Blobs by digest; every opening is noted. */
let blobs: Map<Digest, Buffer>
let store: Store

beforeEach(async () => {
  signer = await newSigner()
  opened = []
  blobs = new Map()
  const real = storeOf('oci:layout', testPorts())
  store = {
    ...real,
    openBlob: async ({ digest, size }) => {
      opened.push(digest)
      const bytes = blobs.get(digest)
      if (bytes === undefined) throw new VerificationError('missing-blob', 'gone', { subject: digest })
      return checked(bytes, digest, size)
    },
  }
})

/** As a store gives a blob: the mismatch comes last, or as soon as there is too much. */
async function* checked(bytes: Buffer, digest: Digest, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < Math.min(bytes.length, size); at += 1 << 20)
    yield bytes.subarray(at, Math.min(at + (1 << 20), size))
  if (bytes.length !== size) throw new VerificationError('digest-mismatch', 'another size', { subject: digest })
}

async function blobOf(length: number, text = 'x'): Promise<{ digest: Digest; size: number }> {
  const payload = Buffer.from(JSON.stringify({ text: text.padEnd(length, 'x') }))
  const bytes = makeBundle(await signEnvelope(payload, signer), signer.hint)
  const digest = sha256(bytes)
  blobs.set(digest, bytes)
  return { digest, size: bytes.length }
}

let number = 0
function place(layer: { digest: Digest; size: number }, change: Partial<Place> = {}): Place {
  const manifest = sha256(`manifest ${number++}`)
  return {
    origin: 'referrer',
    manifest,
    layer: { mediaType: bundleMediaType, ...layer },
    declaredType: null,
    legacy: null,
    ...change,
  }
}

/** A large blob that is not there: what it says of its size costs nothing to say. */
function claimed(size: number, name = `claimed ${number++}`): { digest: Digest; size: number } {
  return { digest: sha256(name), size }
}

async function read(
  places: readonly Place[],
  missing: ReadPlan['missing'] = () => Promise.resolve(null),
): Promise<{ found: Digest[][]; broken: string[]; unread: Digest[]; bytes: number }> {
  const result = { found: [] as Digest[][], broken: [] as string[], unread: [] as Digest[], bytes: 0 }
  const plan: ReadPlan = {
    missing,
    onUnread: (named, bytes) => {
      result.unread.push(...named.map(({ manifest }) => manifest))
      result.bytes += bytes
    },
  }
  const onBroken = ({ error }: { error: VerificationError }): void => void result.broken.push(error.code)
  for await (const { places: named } of readDocuments(store, places, onBroken, plan))
    result.found.push(named.map(({ manifest }) => manifest))
  return result
}

describe('a blob that many manifests name is read once', () => {
  test.each([
    ['small', 1000],
    ['large', 2 << 20],
  ])('a %s one', async (_size, length) => {
    const layer = await blobOf(length)
    const places = Array.from({ length: 50 }, () => place(layer))
    expect((await read(places)).found).toEqual([places.map(({ manifest }) => manifest)])
    expect(opened).toEqual([layer.digest])
  })

  test('a large one, also where they say other sizes; those are broken', async () => {
    const layer = await blobOf(2 << 20)
    const right = place(layer)
    const wrong = [-1, 1, 2, 100].map((more) => place({ ...layer, size: layer.size + more }))
    const { found, broken } = await read([...wrong, right])
    expect(found).toEqual([[right.manifest]])
    expect(broken).toEqual(wrong.map(() => 'digest-mismatch'))
    expect(opened).toEqual([layer.digest])
  })

  test('a small one is not read again as a large one, nor a large one as a small one for long', async () => {
    const small = await blobOf(1000)
    const places = [place(small), place({ ...small, size: 50 << 20 }), place({ ...small, size: 60 << 20 })]
    expect(await read(places)).toMatchObject({
      found: [[places[0]?.manifest]],
      broken: ['digest-mismatch', 'digest-mismatch'],
    })
    expect(opened).toEqual([small.digest])
    const large = await blobOf(3 << 20)
    expect((await read([place({ ...large, size: 10 }), place(large)])).found).toHaveLength(1)
  })

  test('wrong bytes of a large one are broken for all that name it', async () => {
    const layer = await blobOf(2 << 20)
    blobs.get(layer.digest)?.fill(0x20, 0, 1)
    const wrong = [layer, { ...layer, size: layer.size + 5 }]
    expect(await read(wrong.map((item) => place(item)))).toMatchObject({
      found: [],
      broken: ['digest-mismatch', 'digest-mismatch'],
    })
  })
})

describe('large documents', () => {
  const big = 100 << 20

  test('are read as far as the budget reaches, the smallest first, and the rest is told', async () => {
    const own = await blobOf(2 << 20)
    const strangers = [big + 2, big + 3, big + 1].map((size) => place(claimed(size)))
    const { found, unread, bytes } = await read([...strangers, place(own), place(claimed(10))])
    expect(found).toHaveLength(1)
    expect(opened.slice(1)).toEqual([own.digest, strangers[2]?.layer.digest, strangers[0]?.layer.digest])
    expect(unread).toEqual([strangers[1]?.manifest])
    expect(bytes).toBe(big + 3)
  })

  test('are all read while something that counts is missing, and no longer', async () => {
    const own = await blobOf(3 << 20)
    const before = Array.from({ length: 130 }, () => place(claimed(2 << 20)))
    const after = [1, 2, 3].map((i) => place(claimed(big + i)))
    let asked = 0
    const missing = async (): Promise<string[] | null> => {
      asked++
      return opened.includes(own.digest) ? null : []
    }
    const { found, unread } = await read([...before, ...after, place(own)], missing)
    expect(found).toHaveLength(1)
    expect(asked).toBeGreaterThan(1)
    expect(unread).toEqual(after.map(({ manifest }) => manifest))
    opened = []
    expect((await read([...before, ...after], () => Promise.resolve([]))).unread).toEqual([])
    expect(opened).toHaveLength(133)
  })

  test('that say to be of a missing type come first', async () => {
    const own = await blobOf(3 << 20)
    const smaller = place(claimed(2 << 20))
    await read([smaller, place(own, { declaredType: 'https://t' })], () => Promise.resolve(['https://t']))
    expect(opened).toEqual([own.digest, smaller.layer.digest])
  })

  test('over the limit of one document are never opened', async () => {
    expect((await read([place(claimed(findLimits.documentBytes + 1))])).broken).toEqual(['format-invalid'])
    expect(opened).toEqual([])
  })

  test('that were not read are broken to a reader of all statements, which sees the others', async () => {
    const ports = testPorts()
    const layout = storeOf('oci:layout', ports)
    const image = await putImage(layout, 'v1')
    const s = stranger(join(ports.roots.cwd, 'layout'), image)
    for (const i of [0, 1, 2]) {
      const config = { mediaType: 'a/b', ...s.blob('{}') }
      const layer = { mediaType: bundleMediaType, ...claimed(big + i) }
      const value = { schemaVersion: 2, mediaType: image.mediaType, config, layers: [layer], subject: { ...image } }
      s.list(s.manifest(JSON.parse(JSON.stringify(value))))
    }
    s.save()
    const broken: string[] = []
    expect(await findStatements(layout, image, { onBroken: ({ error }) => broken.push(error.message) })).toEqual([])
    expect(broken.filter((text) => text.includes('over the budget of'))).toHaveLength(1)
    await expect(findStatements(layout, image)).rejects.toBeInstanceOf(VerificationError)
  })
})

test('of a referrer nothing is kept that its author can make long', async () => {
  const layout = storeOf('oci:layout', testPorts())
  const image = await putImage(layout, 'v1')
  const annotations = { a: 'x'.repeat(1 << 19), 'dev.sigstore.bundle.predicateType': 'y'.repeat(1 << 19) }
  const layer = { mediaType: bundleMediaType, bytes: Buffer.from('junk'), annotations }
  await putArtifact(layout, { artifactType: bundleMediaType, subject: image, layers: [layer], annotations })
  for await (const stored of layout.readReferrers(image.digest, () => {}))
    expect(JSON.stringify(bundlePlace(stored)).length).toBeLessThan(500)
  expect(JSON.stringify(await layout.referrers(image.digest)).length).toBeLessThan(500)
})

test('the payload of many legacy signatures is read once, and a large one not at all', async () => {
  const layout = storeOf('oci:layout', testPorts())
  const image = await putImage(layout, 'v1')
  const layers = Array.from({ length: 5 }, (_, i) => ({
    mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
    bytes: Buffer.from(i < 4 ? '{}' : ' '.repeat((1 << 20) + 1)),
    annotations: { 'dev.cosignproject.cosign/signature': Buffer.from([i]).toString('base64') },
  }))
  await putArtifact(layout, { artifactType: 'a/b', layers, tag: legacyTag(image.digest, 'sig') })
  let count = 0
  const counting: Store = {
    ...layout,
    openBlob: (blob) => {
      count++
      return layout.openBlob(blob)
    },
  }
  const broken: string[] = []
  await findCosignSignatures(counting, image, { onBroken: ({ error }) => broken.push(error.message) })
  expect(broken).toHaveLength(5)
  expect(broken.filter((text) => text.includes('over the limit'))).toHaveLength(1)
  expect(count).toBe(1)
})
