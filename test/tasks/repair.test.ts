import { rmSync } from 'node:fs'
import { putArtifact } from '../../src/oci/artifact.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { blobPath } from '../../src/oci/layout-files.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { bundleMediaType, makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { hintsOfFile, type Hints } from '../../src/tasks/repair/hints.ts'
import { repair, type RepairRequest } from '../../src/tasks/repair/repair.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'
import { testPorts } from '../../testkit/ports.ts'
import { codeOfSync, hastyPorts, putImage, storeOf } from '../oci/helpers.ts'
import { tinyRegistry, type TinyRegistry } from '../oci/tiny-registry.ts'
import { newSigner } from '../sign/fixtures.ts'

const type = 'application/x'

const request = (store: Store, root: Digest, more: Partial<RepairRequest> = {}): RepairRequest => ({
  store,
  root,
  hints: { digests: new Set(), bundles: [] },
  scan: false,
  dropMissing: false,
  replaceImage: false,
  dryRun: false,
  ...more,
})

const digests = (...all: Digest[]): Hints => ({ digests: new Set(all), bundles: [] })

const attach = async (store: Store, subject: Descriptor, note: string): Promise<Digest> =>
  (await putArtifact(store, { artifactType: type, subject, layers: [], annotations: { note } })).digest

/** A registry without the API whose list was replaced by an empty one. */
async function emptied(
  fn: (registry: TinyRegistry, store: () => Store, image: Descriptor, attached: Digest[]) => Promise<void>,
): Promise<void> {
  const registry = await tinyRegistry({ referrers: 404 })
  const store = (): Store => storeOf(`${registry.host}/a`, hastyPorts())
  try {
    const image = await putImage(store(), 'layer', 'v1')
    const attached = [await attach(store(), image, '1'), await attach(store(), image, '2')]
    list(registry, image.digest, [])
    await fn(registry, store, image, attached.sort())
  } finally {
    await registry.close()
  }
}

function list(registry: TinyRegistry, subject: Digest, manifests: readonly object[]): void {
  registry.place({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }, fallbackTag(subject), mediaTypes.index)
}

test('what a job says that it attached is listed again, and a second run does nothing', async () => {
  await emptied(async (registry, store, image, attached) => {
    const hints = digests(...attached, image.digest, `sha256:${'0'.repeat(64)}`)
    const first = await repair(request(store(), image.digest, { hints }))
    expect(first.added.map(({ manifest }) => manifest)).toEqual(attached)
    expect(first.notes.join('\n')).toContain('1 digest(s) of --from name no manifest that is there')
    expect(first.added[0]).toMatchObject({ subject: image.digest, artifactType: type })
    expect(registry.fallback(image.digest)).toEqual(attached)
    registry.asked.length = 0
    expect(await repair(request(store(), image.digest, { hints }))).toMatchObject({
      listed: 2,
      added: [],
      corrected: [],
    })
    expect(registry.asked.filter((line) => line.startsWith('PUT'))).toEqual([])
  })
})

test('a dry run writes nothing', async () => {
  await emptied(async (registry, store, image, attached) => {
    registry.asked.length = 0
    const planned = await repair(request(store(), image.digest, { hints: digests(...attached), dryRun: true }))
    expect(planned.added.map(({ manifest }) => manifest)).toEqual(attached)
    expect(registry.asked.filter((line) => line.startsWith('PUT'))).toEqual([])
    expect(registry.fallback(image.digest)).toEqual([])
  })
})

test('a manifest is listed by its own subject, whoever names it', async () => {
  await emptied(async (registry, store, image, attached) => {
    const other = await putImage(store(), 'other')
    const foreign = await attach(store(), other, '1')
    // What hangs on something that was lost comes back with it.
    const lost = await store().getManifest(attached[0] ?? image.digest)
    const nested = await attach(store(), lost.descriptor, 'nested')
    const hints = digests(...attached, foreign, nested)
    const { added } = await repair(request(store(), image.digest, { hints }))
    expect(added.map(({ manifest }) => manifest).sort()).toEqual([...attached, nested].sort())
    expect(registry.fallback(image.digest)).toEqual(attached)
  })
})

test('the tags of a repository are looked at when asked to', async () => {
  await emptied(async (registry, store, image, [one = image.digest]) => {
    registry.tags.set('sbom-of-v1', one)
    const without = await repair(request(store(), image.digest))
    expect([without.added, without.notes]).toEqual([[], [expect.stringContaining('--scan')]])
    const { added } = await repair(request(store(), image.digest, { scan: true }))
    expect(added.map(({ manifest }) => manifest)).toEqual([one])
  })
})

test('a statement that is still listed names what was lost', async () => {
  await emptied(async (registry, store, image, [one = image.digest]) => {
    const signer = await newSigner()
    const statement = looseStatement('evidence', { name: 'x', digest: image.digest }, { bundle: { digest: one } })
    const bundle = makeBundle(await signEnvelope(statement, signer), signer.hint)
    const { digest } = await attachBundle(store(), image, bundle, predicateTypes.evidence)
    expect(registry.fallback(image.digest)).toEqual([digest])
    const { added } = await repair(request(store(), image.digest))
    expect(added.map(({ manifest }) => manifest)).toEqual([one])
  })
})

test('wrong artifact types and annotations are corrected from the manifest', async () => {
  await emptied(async (registry, store, image, [one = image.digest]) => {
    const size = registry.manifests.get(one)?.bytes.length
    const wrong = { mediaType: mediaTypes.manifest, digest: one, size, artifactType: mediaTypes.empty }
    list(registry, image.digest, [{ ...wrong, annotations: { lie: 'yes' } }])
    const { corrected } = await repair(request(store(), image.digest))
    expect(corrected).toEqual([{ manifest: one, was: mediaTypes.empty, is: type }])
    const held = registry.manifests.get(registry.tags.get(fallbackTag(image.digest)) ?? one)
    const { manifests } = JSON.parse(held?.bytes.toString() ?? '') as { manifests: object[] }
    expect(manifests).toEqual([expect.objectContaining({ artifactType: type })])
    expect(JSON.stringify(manifests)).not.toContain('lie')
    expect((await repair(request(store(), image.digest))).corrected).toEqual([])
  })
})

test('an entry whose manifest is gone stays until it is to be dropped', async () => {
  await emptied(async (registry, store, image, [one = image.digest]) => {
    const gone: Digest = `sha256:${'9'.repeat(64)}`
    const size = registry.manifests.get(one)?.bytes.length
    const entry = { mediaType: mediaTypes.manifest, size, artifactType: type, annotations: { note: '1' } }
    const [held] = (await store().getManifest(one)).content.annotations?.['note'] ?? ''
    list(registry, image.digest, [
      { ...entry, digest: one, annotations: { note: held } },
      { ...entry, digest: gone },
    ])
    expect(await repair(request(store(), image.digest))).toMatchObject({ missing: [gone], dropped: false })
    expect(registry.fallback(image.digest)).toContain(gone)
    expect(await repair(request(store(), image.digest, { dropMissing: true, dryRun: true }))).toMatchObject({
      dropped: false,
    })
    expect(registry.fallback(image.digest)).toContain(gone)
    expect(await repair(request(store(), image.digest, { dropMissing: true }))).toMatchObject({ dropped: true })
    expect(registry.fallback(image.digest)).toEqual([one])
  })
})

test('an image that cosign copy left in place of the list is replaced only when asked to', async () => {
  await emptied(async (registry, store, image, attached) => {
    registry.tags.set(fallbackTag(image.digest), image.digest)
    const hints = digests(...attached)
    await expect(repair(request(store(), image.digest, { hints }))).rejects.toMatchObject({
      code: 'registry-error',
      remedy: expect.stringContaining('`--replace-image`') as string,
    })
    expect(registry.tags.get(fallbackTag(image.digest))).toBe(image.digest)
    await repair(request(store(), image.digest, { hints, replaceImage: true }))
    expect(registry.fallback(image.digest)).toEqual(attached)
    expect(registry.manifests.has(image.digest)).toBe(true)
  })
})

describe('a layout', () => {
  test('whose index lost entries lists again what its blobs are', async () => {
    const ports = testPorts()
    const store = storeOf('oci:layout', ports)
    const image = await putImage(store, 'layer', 'v1')
    const attached = [await attach(store, image, '1'), await attach(store, image, '2')].sort()
    await store.listing?.rewrite(image.digest, () => [])
    expect(await store.referrers(image.digest)).toEqual([])
    const { added } = await repair(request(storeOf('oci:layout', ports), image.digest))
    expect(added.map(({ manifest }) => manifest)).toEqual(attached)
    expect((await store.referrers(image.digest)).map(({ digest }) => digest)).toEqual(attached)
    expect(await repair(request(store, image.digest))).toMatchObject({ added: [], corrected: [] })
    expect((await store.resolve({ tag: 'v1' }))?.digest).toBe(image.digest)
  })

  test('whose index says something else than a manifest is corrected once', async () => {
    const ports = testPorts()
    const store = storeOf('oci:layout', ports)
    const image = await putImage(store, 'layer', 'v1')
    const right = await attach(store, image, '1')
    const wrong = await attach(store, image, '2')
    await store.listing?.rewrite(image.digest, (entries) =>
      entries.map((entry) => (entry.digest === wrong ? { ...entry, annotations: { lie: 'yes' } } : entry)),
    )
    const { corrected } = await repair(request(store, image.digest))
    expect(corrected.map(({ manifest }) => manifest)).toEqual([wrong])
    expect(corrected.map(({ manifest }) => manifest)).not.toContain(right)
    expect((await repair(request(store, image.digest))).corrected).toEqual([])
  })

  test('names what it lists and does not have', async () => {
    const ports = testPorts()
    const store = storeOf('oci:layout', ports)
    const image = await putImage(store, 'layer', 'v1')
    const [one, two] = [await attach(store, image, '1'), await attach(store, image, '2')]
    rmSync(blobPath(`${ports.roots.cwd}/layout`, one))
    expect(await repair(request(store, image.digest, { dropMissing: true }))).toMatchObject({ missing: [one] })
    expect((await store.listing?.entries(image.digest))?.map(({ digest }) => digest)).toEqual([two])
  })

  test('gets back statements that were deleted, from the bundles of the job', async () => {
    const ports = testPorts()
    const store = storeOf('oci:layout', ports)
    const image = await putImage(store, 'layer', 'v1')
    const signer = await newSigner()
    const statement = looseStatement('spdx', { name: 'x', digest: image.digest }, {})
    const bundle = makeBundle(await signEnvelope(statement, signer), signer.hint)
    const { digest } = await attachBundle(store, image, bundle, predicateTypes.spdx)
    rmSync(blobPath(`${ports.roots.cwd}/layout`, digest))
    const hints: Hints = { digests: new Set(), bundles: [] }
    hintsOfFile(Buffer.from(`${bundle.toString()}\n`), 'bundles.jsonl', hints)
    const { restored } = await repair(request(storeOf('oci:layout', ports), image.digest, { hints }))
    expect(restored).toEqual([{ manifest: digest, subject: image.digest, artifactType: bundleMediaType }])
    expect((await store.referrers(image.digest)).map((found) => found.digest)).toEqual([digest])
    const again = await repair(request(storeOf('oci:layout', ports), image.digest, { hints }))
    expect([again.added, again.restored]).toEqual([[], []])
  })
})

test('a file that names nothing is refused by name; digests are read in either form', () => {
  const hints: Hints = { digests: new Set(), bundles: [] }
  expect(codeOfSync(() => hintsOfFile(Buffer.from('hello\n'), 'x.txt', hints))).toBe('file-invalid')
  hints.digests.clear()
  const hex = (digit: string): string => digit.repeat(64)
  hintsOfFile(Buffer.from(`sha256:${hex('1')}\n{"sha256": "${hex('2')}"} sha256:${hex('3')}4`), 'x.txt', hints)
  expect([...hints.digests]).toEqual([`sha256:${hex('1')}`, `sha256:${hex('2')}`])
})
