import { putArtifact } from '../../src/oci/artifact.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { stageWrites } from '../../src/oci/staged.ts'
import type { Descriptor, Digest, Store } from '../../src/oci/types.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'

const ports = testPorts()
const putTag = (store: Store, tag: string, digest: Digest): Promise<void> => store.tag(tag, digest)
const artifactType = 'application/vnd.example.report'

let target: Store
let image: Descriptor
beforeEach(async () => {
  target = openStore(parseReference(`oci:${scratch('staged')}`, '/'), ports)
  image = await putSmallImage(target, smallFiles)
})

const attach = (store: Store, text: string): Promise<Descriptor> =>
  putArtifact(store, {
    artifactType,
    subject: image,
    layers: [{ mediaType: 'text/plain', bytes: Buffer.from(text) }],
  })
const listed = async (store: Store): Promise<Digest[]> =>
  (await store.referrers(image.digest, artifactType)).map(({ digest }) => digest)
const readOf = async (store: Store): Promise<Digest[]> => {
  const found: Digest[] = []
  for await (const { descriptor } of store.readReferrers(image.digest, () => {})) found.push(descriptor.digest)
  return found
}

test('referrers and tags show to whoever wrote them and to a view, and to others once they are committed', async () => {
  const before = await attach(target, 'before')
  const staged = stageWrites(target, putTag)
  const { digest } = await attach(staged.store, 'staged')
  await staged.store.tag('next', image.digest)
  const view = staged.view(target)
  for (const store of [staged.store, view]) {
    expect((await listed(store)).toSorted()).toEqual([before.digest, digest].toSorted())
    expect((await readOf(store)).toSorted()).toEqual([before.digest, digest].toSorted())
    expect((await store.getManifest(digest)).content).toMatchObject({ artifactType, subject: { digest: image.digest } })
    expect((await store.resolve({ tag: 'next' }))?.digest).toBe(image.digest)
    expect(await store.tags()).toContain('next')
  }
  expect(await listed(target)).toEqual([before.digest])
  expect(await target.resolve({ tag: 'next' })).toBeNull()
  await expect(target.getManifest(digest)).rejects.toMatchObject({ code: 'missing-blob' })
  await staged.commit()
  expect((await listed(target)).toSorted()).toEqual([before.digest, digest].toSorted())
  expect((await target.resolve({ tag: 'next' }))?.digest).toBe(image.digest)
  // What was there twice is read once.
  expect(await readOf(staged.view(target))).toHaveLength(2)
})

test('a tag moves only from where it was seen, staged or committed', async () => {
  const other = await putSmallImage(target, { 'a/b': 'other' }, 'other')
  const staged = stageWrites(target, putTag)
  const { retag } = staged.store
  expect(await retag?.('latest', other.digest, null)).toBe(false)
  expect(await retag?.('latest', other.digest, image.digest)).toBe(true)
  expect(await retag?.('latest', image.digest, image.digest)).toBe(false)
  expect((await target.resolve({ tag: 'latest' }))?.digest).toBe(image.digest)
  await staged.commit()
  expect((await target.resolve({ tag: 'latest' }))?.digest).toBe(other.digest)
  await staged.store.tag('latest', image.digest)
  expect((await target.resolve({ tag: 'latest' }))?.digest).toBe(image.digest)
})
