import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { digestLike, sha256 } from '../../src/base/streams.ts'
import { artifactOfDigest } from '../../src/bundle/artifact.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { fallbackTag, isDigest } from '../../src/oci/digest.ts'
import { walkGraph } from '../../src/oci/graph.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import { makeStatement, parseStatement, speaksOf } from '../../src/statement/statement.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { codeOf, readAll, storeOf } from './helpers.ts'
import { tinyRegistry } from './tiny-registry.ts'

const open = (text: string): Store => storeOf(text, testPorts())

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function putAs(store: Store, like: string, text: string, mediaType: string): Promise<Descriptor> {
  const bytes = Buffer.from(text)
  const expect = { digest: digestLike(like, bytes), size: bytes.length }
  return { mediaType, ...(await store.putBlob({ stream: one(bytes), expect })) }
}

/** An index of one image, all of whose parts are named by one algorithm, with a referrer of the image. */
async function putBy(
  store: Store,
  like: string,
  manifests = like,
): Promise<Record<'index' | 'image' | 'layer', Descriptor>> {
  const config = await putAs(store, like, '{"os":"linux"}', mediaTypes.config)
  const layer = await putAs(store, like, 'layer', mediaTypes.layerTar)
  const put = (value: Parameters<typeof manifestBytes>[0], tag?: string): Promise<Descriptor> => {
    const bytes = manifestBytes(value)
    return store.putManifest(bytes, value.mediaType, { digest: digestLike(manifests, bytes), tag })
  }
  const image = await put({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] })
  const index = await put({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [image] }, 'v1')
  await putArtifact(store, { artifactType: 'a/b', subject: image, layers: [] })
  return { index, image, layer }
}

async function digestsOf(store: Store, root: Digest): Promise<string[]> {
  const found: string[] = []
  const fail = ({ error }: { error: Error }): never => {
    throw error
  }
  for await (const { descriptor, relation } of walkGraph(store, root, fail))
    found.push(`${relation} ${descriptor.digest.slice(0, 7)}`)
  return found
}

test.each(['sha384', 'sha512'])(
  'a graph that is named by %s is copied, and lies in the folder of its algorithm',
  async (like) => {
    const from = open(`oci:${scratch()}`)
    const { index, image, layer } = await putBy(from, `${like}:`)
    const folder = scratch()
    const to = open(`oci:${folder}`)
    const { copied, gaps } = await copyGraph(from, to, index.digest, { tag: 'v1' })
    expect([copied.length, gaps]).toEqual([3, []])
    expect(await digestsOf(to, index.digest)).toEqual([`root ${like}:`, `child ${like}:`, 'referrer sha256:'])
    for (const { digest } of [index, image, layer])
      expect(existsSync(join(folder, 'blobs', like, digest.slice(7)))).toBe(true)
    expect(await readAll(to, layer)).toBe('layer')
    expect(await to.resolve({ tag: 'v1' })).toMatchObject({ digest: index.digest })
    expect(await codeOf(readAll(to, { ...layer, size: 4 }))).toBe('digest-mismatch')
  },
)

test('bytes that a digest of another algorithm does not name are refused', async () => {
  const store = open(`oci:${scratch()}`)
  const bytes = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] })
  const digest = digestLike('sha512:', Buffer.from('other'))
  expect(await codeOf(store.putManifest(bytes, mediaTypes.index, { digest }))).toBe('digest-mismatch')
  const expectOther = { digest, size: 1 }
  expect(await codeOf(store.putBlob({ stream: one(Buffer.from('x')), expect: expectOther }))).toBe('digest-mismatch')
})

test('an image by SHA-512 under its fallback tag is told from a list', async () => {
  const registry = await tinyRegistry({ referrers: 404 })
  try {
    const store = open(`${registry.host}/a`)
    const document = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }
    const digest = digestLike('sha512:', Buffer.from(JSON.stringify(document)))
    registry.place(document, fallbackTag(digest), mediaTypes.index)
    const subject = { mediaType: mediaTypes.index, digest, size: 1 }
    const attach = putArtifact(store, { artifactType: 'a/b', subject, layers: [] })
    await expect(attach).rejects.toMatchObject({ message: expect.stringMatching(/names the image itself$/) as string })
    expect(await store.referrers(digest)).toEqual([])
  } finally {
    await registry.close()
  }
})

withPeers(
  [registryPeers.docker],
  'docker-registry takes layers by SHA-512, and says that manifests are by SHA-256',
  async () => {
    const registry = await startRegistry('docker')
    try {
      const from = open(`oci:${scratch()}`)
      const { index, layer } = await putBy(from, 'sha512:', 'sha256:')
      const to = open(`${registry.host}/a/b`)
      await copyGraph(from, to, index.digest, { tag: 'v1' })
      expect(await readAll(open(`${registry.host}/a/b`), layer)).toBe('layer')
      expect(await digestsOf(open(`${registry.host}/a/b`), index.digest)).toHaveLength(3)
      const other = open(`oci:${scratch()}`)
      const named = await putBy(other, 'sha512:')
      expect(await codeOf(copyGraph(other, open(`${registry.host}/a/c`), named.index.digest))).toBe('unsupported')
    } finally {
      await registry.close()
    }
  },
)

test('digests, references, tags and statements of other algorithms', () => {
  const digest = digestLike('sha512:', Buffer.from('x'))
  expect(parseReference(`ghcr.io/a@${digest}`, '/').digest).toBe(digest)
  expect(fallbackTag(digest)).toBe(`sha512-${digest.slice(7, 71)}`)
  expect(fallbackTag(digest).length).toBeLessThan(129)
  for (const bad of [
    digest.slice(0, -1),
    `${digest}0`,
    digest.toUpperCase(),
    `blake3:${'a'.repeat(64)}`,
    `sha512:${'a'.repeat(64)}`,
  ])
    expect(isDigest(bad)).toBe(false)
  const statement = parseStatement(makeStatement('sign', { digest }, {}))
  expect(statement.subject[0].digest).toEqual({ sha512: digest.slice(7) })
  expect(speaksOf(statement, digest)).toBe(true)
  expect(speaksOf(statement, sha256('x'))).toBe(false)
  expect(artifactOfDigest(digest).digest('sha512')?.toString('hex')).toBe(digest.slice(7))
  expect(artifactOfDigest(digest).digest('sha256')).toBeNull()
})
