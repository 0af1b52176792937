import { openStore } from '../../../src/oci/open.ts'
import { parseReference } from '../../../src/oci/reference.ts'
import { mediaTypes, type Descriptor, type Store } from '../../../src/oci/types.ts'
import { loadImage } from '../../../src/image/load.ts'
import type { DiffResult } from '../../../src/sbom/diff/result.ts'
import { describeImage, type Described } from '../../../src/sbom/scan.ts'
import { edited, indexOf, layers } from '../../sbom/diff/images.ts'
import { testPorts } from '../../../testkit/ports.ts'
import { door, type Answer } from '../tee/door.ts'
import { attest } from './attest.ts'

const changed = edited('opt/stray', { text: 'x' })

interface Index {
  reference: string
  store: Store
  descriptor: Descriptor
  /** What is in the child of an architecture, and how statements are attached to it. */
  child(
    architecture: string,
  ): Promise<{ described: Described; attest: (kinds: Kinds, what?: Described) => Promise<void> }>
  /** Attaches to the index itself. */
  attest(kinds: Kinds, what: Described): Promise<void>
}
type Kinds = Parameters<typeof attest>[2]

async function makeIndex(): Promise<Index> {
  const reference = await indexOf(['amd64', layers], ['arm64', changed])
  const store = openStore(parseReference(reference, '/'), testPorts())
  const descriptor = await store.resolve({ tag: 'latest' })
  if (descriptor === null) throw new Error('there is no index')
  const childOf: Index['child'] = async (architecture) => {
    const image = await loadImage(store, descriptor.digest, `linux/${architecture}`)
    const described = await describeImage(store, image)
    return { described, attest: (kinds, what = described) => attest({ store, image }, what, kinds) }
  }
  return {
    reference,
    store,
    descriptor,
    child: childOf,
    attest: async (kinds, what) => {
      const image = await loadImage(store, descriptor.digest, 'linux/amd64')
      await attest({ store, image: { ...image, descriptor } }, what, kinds)
    },
  }
}

async function verify(...args: string[]): Promise<Answer<DiffResult>> {
  return door<DiffResult>('sbom verify', ...args)
}

const shown = ({ outputs }: Answer<DiffResult>): unknown[] =>
  outputs.parts.map(({ platform, verdict }) => [platform, verdict])

test('each image of an index is compared with its own statements', async () => {
  const index = await makeIndex()
  for (const architecture of ['amd64', 'arm64']) await (await index.child(architecture)).attest(['spdx', 'inventory'])
  const all = await verify(index.reference)
  expect([all.code, shown(all)]).toEqual([
    0,
    [
      ['linux/amd64', 'equal'],
      ['linux/arm64', 'equal'],
    ],
  ])
  const one = await verify(index.reference, '--platform', 'linux/arm64')
  expect([one.code, shown(one)]).toEqual([0, [['linux/arm64', 'equal']]])
})

test('an image without a statement is an error that names the platforms; the others can be asked for', async () => {
  const index = await makeIndex()
  await (await index.child('amd64')).attest(['spdx'])
  expect(await verify(index.reference)).toMatchObject({
    code: 1,
    error: {
      code: 'missing-statement',
      message: expect.stringMatching(/for linux\/arm64\. There is one for linux\/amd64/),
      remedy: expect.stringContaining('--platform'),
    },
  })
  expect((await verify(index.reference, '--platform', 'linux/amd64')).code).toBe(0)
  expect((await verify(index.reference, '--platform', 'linux/arm64')).error).toMatchObject({
    code: 'missing-statement',
  })
  expect((await verify(index.reference, '--platform', 'linux/s390x')).error).toMatchObject({
    code: 'not-found',
    remedy: expect.stringContaining('linux/amd64, linux/arm64'),
  })
})

test('statements of the index itself count for the image that they speak of', async () => {
  const index = await makeIndex()
  for (const architecture of ['amd64', 'arm64'])
    await index.attest(['cyclonedx', 'inventory'], (await index.child(architecture)).described)
  const all = await verify(index.reference)
  expect([all.code, shown(all)]).toEqual([
    0,
    [
      ['linux/amd64', 'equal'],
      ['linux/arm64', 'equal'],
    ],
  ])
  expect(all.outputs.parts.every(({ a }) => a.files !== null)).toBe(true)
  const one = await verify(index.reference, '--platform', 'linux/arm64')
  expect([one.code, shown(one)]).toEqual([0, [['linux/arm64', 'equal']]])
})

test('a statement of the index about another content of a platform refuses that platform alone', async () => {
  const index = await makeIndex()
  const { described } = await index.child('amd64')
  // What linux/amd64 is said to hold after a change.
  const other = await makeIndexOf(changed)
  await index.attest(['spdx'], described)
  await index.attest(['spdx'], other)
  const all = await verify(index.reference, '--platform', 'linux/amd64')
  expect(all.code).toBe(1)
  expect(shown(all)).toEqual(
    expect.arrayContaining([
      ['linux/amd64', 'equal'],
      ['linux/amd64', 'differs'],
    ]),
  )
  expect((await verify(index.reference)).error).toMatchObject({ code: 'missing-statement' })
})

async function makeIndexOf(content: typeof layers): Promise<Described> {
  const reference = await indexOf(['amd64', content])
  const store = openStore(parseReference(reference, '/'), testPorts())
  const descriptor = await store.resolve({ tag: 'latest' })
  return describeImage(store, await loadImage(store, descriptor?.digest ?? 'sha256:'))
}

test('a statement of the index about an image that it does not have is ignored with a note, and no one else is taken for it', async () => {
  const index = await makeIndex()
  const { described, attest: attach } = await index.child('amd64')
  const text = described.cyclonedx.toString().replaceAll('linux/amd64', 'linux/s390x')
  await index.attest(['cyclonedx'], {
    ...described,
    cyclonedx: Buffer.from(text.replaceAll(described.description.configDigest, `sha256:${'0'.repeat(64)}`)),
  })
  const none = await verify(index.reference, '--platform', 'linux/amd64')
  expect(none.error).toMatchObject({
    code: 'missing-statement',
    message: expect.stringContaining('names no image of it'),
  })
  await attach(['spdx'])
  const found = await verify(index.reference, '--platform', 'linux/amd64')
  expect([found.code, shown(found)]).toEqual([0, [['linux/amd64', 'equal']]])
  expect(found.outputs.parts[0]?.notes.join()).toContain('names no image of it')
  expect(mediaTypes.index).toBe(index.descriptor.mediaType)
})
