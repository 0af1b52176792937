import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { manifestBytes } from '../../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor } from '../../../src/oci/types.ts'
import { startAgent } from '../../../testkit/agent.ts'
import { scratch } from '../../../testkit/ports.ts'
import { makeImage, tar, type MadeImage, type Short } from '../../image/make-image.ts'
import { application, debian } from '../fixture.ts'
import { documentsOf, run } from './run.ts'

let made: MadeImage
let expected: Record<string, string>
beforeAll(async () => {
  made = await makeImage([debian, application])
  expected = documentsOf(await run({ image: `oci:${made.directory}` }))
})

function blob(digest: string, directory = made.directory): Buffer {
  return readFileSync(join(directory, 'blobs/sha256', digest.slice(7)))
}

async function file(entries: Short[], name = 'image.tar'): Promise<string> {
  const path = join(scratch('archive'), name)
  writeFileSync(path, await tar(entries))
  return path
}

function layoutEntries(directory: string): Short[] {
  const blobs = readdirSync(join(directory, 'blobs/sha256')).sort()
  return [
    { path: 'blobs/', type: 'dir' },
    ...blobs.map((name) => ({ path: `blobs/sha256/${name}`, text: blob(`sha256:${name}`, directory) })),
    { path: 'index.json', text: readFileSync(join(directory, 'index.json')) },
    { path: 'oci-layout', text: readFileSync(join(directory, 'oci-layout')) },
  ]
}

/** As Docker before 25 saved: a folder a layer, a layer that is there already as a link. */
function dockerEntries(tags: string[] | null = ['app:1.0']): Short[] {
  const { image } = made
  const config = image.manifest.config.digest.slice(7)
  const layers = image.manifest.layers.map(({ digest }, i) => ({
    path: `layer${i}/layer.tar`,
    text: gunzipSync(blob(digest)),
  }))
  const list = [{ Config: `${config}.json`, RepoTags: tags, Layers: layers.map(({ path }) => path) }]
  return [
    ...layers,
    { path: `${config}.json`, text: blob(image.manifest.config.digest) },
    { path: 'manifest.json', text: JSON.stringify(list) },
  ]
}

describe('an archive of an image gives the documents of the image', () => {
  test('as an OCI archive, by prefix, as subject and by its ending', async () => {
    const path = await file(layoutEntries(made.directory))
    for (const given of [{ image: `oci-archive:${path}` }, { subject: `oci-archive:${path}` }, { image: path }])
      expect(documentsOf(await run(given as Record<string, string>))).toEqual(expected)
  })

  test('as a docker archive with plain layers, with compressed ones, and with links between layers', async () => {
    const plain = await file(dockerEntries())
    for (const given of [
      { image: `docker-archive:${plain}` },
      { image: `docker-archive:${plain}:app:1.0` },
      { image: plain },
    ])
      expect(documentsOf(await run(given))).toEqual(expected)
    const entries = dockerEntries()
    const compressed = entries.map((entry) => {
      const index = /^layer(\d)/.exec(entry.path)?.[1]
      const layer = index === undefined ? undefined : made.image.manifest.layers[Number(index)]
      return layer === undefined ? entry : { ...entry, text: blob(layer.digest) }
    })
    expect(documentsOf(await run({ subject: `docker-archive:${await file(compressed)}` }))).toEqual(expected)
    const linked: Short[] = entries.flatMap((entry): Short[] =>
      entry.path === 'layer0/layer.tar'
        ? [
            { path: 'real/layer.tar', text: entry.text ?? '' },
            { path: entry.path, link: '../real/layer.tar' },
          ]
        : [entry],
    )
    expect(documentsOf(await run({ subject: `docker-archive:${await file(linked)}` }))).toEqual(expected)
  })

  test('in the worker of an agent', async () => {
    const agent = await startAgent()
    try {
      const path = await file(dockerEntries())
      const result = await run({ image: `docker-archive:${path}` }, agent.ports, agent.directory)
      expect(documentsOf(result)).toEqual(expected)
      const event = (await agent.client.journal()).findLast(({ kind }) => kind === 'sbom')
      expect(event?.inputs).toMatchObject([{ role: 'image' }, { role: 'config', digest: made.image.configDigest }])
      await expect(run({ image: '/nowhere/x.tar' }, agent.ports, agent.directory)).rejects.toMatchObject({
        code: 'file-missing',
      })
    } finally {
      await agent.client.stop()
    }
  })
})

describe('an index', () => {
  async function index(): Promise<{ directory: string; digest: string }> {
    const arm = await makeImage([debian], { config: { architecture: 'arm64' } })
    const put = async (path: Descriptor): Promise<void> => {
      for (const { digest, size } of [...arm.image.manifest.layers, arm.image.manifest.config, path])
        await made.store.putBlob({ bytes: blob(digest, arm.directory).subarray(0, size) })
    }
    await put(arm.image.descriptor)
    const child = (image: MadeImage, architecture: string): Descriptor => ({
      ...image.image.descriptor,
      platform: { os: 'linux', architecture },
    })
    const bytes = manifestBytes({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [child(made, 'amd64'), child(arm, 'arm64')],
    })
    return { directory: made.directory, digest: (await made.store.putManifest(bytes, mediaTypes.index)).digest }
  }

  test('gives the image of the platform that was asked for, and never another one', async () => {
    const { directory, digest } = await index()
    const image = `oci:${directory}@${digest}`
    expect(documentsOf(await run({ image, platform: 'linux/amd64' }))).toEqual(expected)
    expect(documentsOf(await run({ image, platform: 'linux/arm64/v8' }))).not.toEqual(expected)
    await expect(run({ image, platform: 'linux/s390x' })).rejects.toMatchObject({ code: 'not-found' })
    await expect(run({ image: `oci:${made.directory}@${made.digest}`, platform: 'linux/arm64' })).rejects.toMatchObject(
      {
        code: 'not-found',
        message: expect.stringContaining('is for linux/amd64, not for linux/arm64'),
      },
    )
  })
})

describe('is refused:', () => {
  const bad = (change: (entries: Short[]) => Short[]) => async (): Promise<string> =>
    `docker-archive:${await file(change(dockerEntries()))}`
  const replace = (path: string, text: string | Buffer) => (entries: Short[]) =>
    entries.map((entry) => (entry.path === path ? { ...entry, text } : entry))
  const withList = (list: unknown) => bad(replace('manifest.json', JSON.stringify(list)))

  test.each<[string, () => Promise<string>, string]>([
    ['no manifest.json', bad((entries) => entries.filter(({ path }) => path !== 'manifest.json')), 'format-invalid'],
    ['a manifest.json of another form', withList({ a: 1 }), 'format-invalid'],
    [
      'a layer that is not there',
      bad((entries) => entries.filter(({ path }) => path !== 'layer1/layer.tar')),
      'format-invalid',
    ],
    [
      'another layer than the configuration says',
      bad(replace('layer1/layer.tar', Buffer.alloc(1024))),
      'digest-mismatch',
    ],
    ['too few layers', withList([{ Config: 'x.json', RepoTags: null, Layers: [] }]), 'format-invalid'],
    [
      'a layer outside of the archive',
      withList([{ Config: '../../etc/passwd', RepoTags: null, Layers: [] }]),
      'path-escape',
    ],
    [
      'a link out of it',
      bad((entries) => [...entries.slice(1), { path: 'layer0/layer.tar', link: '/etc/passwd' }]),
      'format-invalid',
    ],
    [
      'a link to itself',
      bad((entries) => [...entries.slice(1), { path: 'layer0/layer.tar', link: 'layer.tar' }]),
      'format-invalid',
    ],
    ['a member twice', bad((entries) => [...entries, { path: 'manifest.json', text: '[]' }]), 'archive-ambiguous'],
    ['a name that it does not have', async () => `docker-archive:${await file(dockerEntries())}:app:2.0`, 'not-found'],
    ['an archive of the other kind', async () => `oci-archive:${await file(dockerEntries())}`, 'file-invalid'],
    ['an empty archive', async () => `oci-archive:${await file([])}`, 'format-invalid'],
    ['a file that is not there', async () => 'oci-archive:/nowhere.tar', 'file-missing'],
    ['a folder', async () => `oci-archive:${made.directory}`, 'file-invalid'],
  ])('%s', async (_what, given, code) => {
    await expect(run({ subject: await given() })).rejects.toMatchObject({ code })
  })

  test('several images without a name, with what is there', async () => {
    const other = await makeImage([application])
    const config = other.image.manifest.config.digest
    const [own] = JSON.parse(String(dockerEntries().at(-1)?.text)) as object[]
    const layer = gunzipSync(blob(other.image.manifest.layers[0]?.digest ?? '', other.directory))
    const list = [own, { Config: 'other.json', RepoTags: ['docker.io/library/other:2'], Layers: ['other.tar'] }]
    const path = await file([
      ...replace('manifest.json', JSON.stringify(list))(dockerEntries()),
      { path: 'other.json', text: blob(config, other.directory) },
      { path: 'other.tar', text: layer },
    ])
    await expect(run({ image: path })).rejects.toMatchObject({
      code: 'input-invalid',
      message: expect.stringContaining('app:1.0, docker.io/library/other:2'),
    })
    for (const name of ['other:2', '2', 'docker.io/library/other:2', config]) {
      const result = await run({ image: `docker-archive:${path}:${name}` })
      expect(result.report.details).toMatchObject({ config })
    }
    expect(documentsOf(await run({ image: `docker-archive:${path}:app:1.0` }))).toEqual(expected)
  })

  test('an archive that is compressed in a way that is not read, with the command that helps', async () => {
    const path = await file(dockerEntries())
    writeFileSync(`${path}.xz`, Buffer.from('fd377a585a000004', 'hex'))
    await expect(run({ image: `docker-archive:${path}.xz` })).rejects.toMatchObject({
      code: 'file-invalid',
      remedy: expect.stringContaining('unxz'),
    })
  })
})

test.each([
  ['gz', gzipSync],
  ['zst', zstdCompressSync],
] as const)(
  'an archive in a file .%s gives the same documents, and one that is cut short none',
  async (ending, compress) => {
    const path = await file(dockerEntries())
    writeFileSync(`${path}.${ending}`, compress(readFileSync(path)))
    for (const image of [`docker-archive:${path}.${ending}`, `${path}.${ending}`])
      expect(documentsOf(await run({ image }))).toEqual(expected)
    truncateSync(`${path}.${ending}`, statSync(`${path}.${ending}`).size - 9)
    await expect(run({ image: `docker-archive:${path}.${ending}` })).rejects.toMatchObject({ code: 'format-invalid' })
  },
)
