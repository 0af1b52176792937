import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { ownedName } from '../../src/base/owned-name.ts'
import { sha256 } from '../../src/base/streams.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { walkGraph } from '../../src/oci/graph.ts'
import { inOneStep } from '../../src/oci/lazy-store.ts'
import { moveTag } from '../../src/oci/move-tag.ts'
import { resolveImage } from '../../src/oci/open.ts'
import { layoutOperation, openRemoteLayout } from '../../src/oci/remote-layout.ts'
import { mediaTypes, type Digest, type Store } from '../../src/oci/types.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { block } from '../../testkit/raw-tar.ts'
import { tar, type Short } from '../image/make-image.ts'
import { putGraph } from './graph-image.ts'
import { codeOf, putImage, readAll, storeOf } from './helpers.ts'

const ports = testPorts()
const open = (text: string): Store => storeOf(text, testPorts())
const freshFile = (): string => join(scratch('archive'), 'image.tar')
const namesIn = (file: string): string[] => execFileSync('tar', ['tf', file], { encoding: 'utf8' }).trim().split('\n')

async function shape(store: Store, root: Digest): Promise<string[]> {
  const found: string[] = []
  const walk = walkGraph(store, root, ({ error }) => {
    throw error
  })
  for await (const { descriptor, parent, tag, relation } of walk)
    found.push([relation, descriptor.digest, parent, tag].join(' '))
  return found
}

test('a graph goes across an air gap in an archive and comes back the same; equal content gives equal bytes', async () => {
  const [file, again] = [freshFile(), freshFile()]
  const [from, back] = [open(`oci:${scratch()}`), open(`oci:${scratch()}`)]
  const graph = await putGraph(from)
  for (const path of [file, again]) await copyGraph(from, open(`oci-archive:${path}`), graph.index, { tag: 'v1' })
  expect(readFileSync(file).equals(readFileSync(again))).toBe(true)
  const carried = open(`oci-archive:${file}`)
  expect(await shape(carried, graph.index)).toEqual(await shape(from, graph.index))
  expect((await resolveImage(`oci-archive:${file}`, ports)).reference).toBe(`oci-archive:${file}@${graph.index}`)
  await copyGraph(carried, back, graph.index, { tag: 'v1' })
  expect(await shape(back, graph.index)).toEqual(await shape(from, graph.index))
  // Names of the index come last, and nothing else is left in the folder.
  expect([namesIn(file)[0], namesIn(file).at(-1)]).toEqual(['oci-layout', 'index.json'])
  expect(readdirSync(join(file, '..'))).toEqual(['image.tar'])
  // A second run finds all there and writes nothing.
  const { ino } = statSync(file)
  await copyGraph(from, open(`oci-archive:${file}`), graph.index, { tag: 'v1' })
  expect(statSync(file).ino).toBe(ino)
})

test('what a killed writer left is cleared away even where nothing is left to write; what a living one has stays', async () => {
  const file = freshFile()
  const [from, folder] = [`oci:${scratch()}`, join(file, '..')]
  const graph = await putGraph(open(from))
  await copyGraph(open(from), open(from), graph.index, { tag: 'v1' })
  // Another process each time: a store of this one clears a folder once.
  const copy = (): Buffer =>
    execFileSync(process.execPath, [join(import.meta.dirname, 'copy-child.ts'), from, `oci-archive:${file}`])
  copy()
  const living = ownedName('tmp')
  // No process has had this id and this start: process 1 lives, and began at another time.
  const dead = living.replace(/-\d+-\d+-/, '-1-1-')
  for (const name of [living, dead]) mkdirSync(join(folder, name, 'blobs'), { recursive: true })
  copy()
  expect(readdirSync(folder).sort()).toEqual([living, 'image.tar'])
})

test('a step is written once at its end, and not at all where it fails; its own process sees it before', async () => {
  const file = freshFile()
  const store = open(`oci-archive:${file}`)
  const first = await putImage(store, 'first', 'v1')
  const before = statSync(file).ino
  await expect(
    inOneStep(store, async () => {
      const image = await putImage(store, 'second', 'v2')
      expect(statSync(file).ino).toBe(before)
      expect((await open(`oci-archive:${file}`).resolve({ tag: 'v2' }))?.digest).toBe(image.digest)
      throw new Error('interrupted')
    }),
  ).rejects.toThrow('interrupted')
  expect(statSync(file).ino).toBe(before)
  expect(await store.tags()).toEqual(['v1'])
  expect(readdirSync(join(file, '..'))).toEqual(['image.tar'])
  await inOneStep(store, () => putImage(store, 'second', 'v2'))
  expect(await store.tags()).toEqual(['v1', 'v2'])
  expect((await store.resolve({ tag: 'v1' }))?.digest).toBe(first.digest)
})

test('what another process wrote meanwhile stays', async () => {
  const file = freshFile()
  const store = open(`oci-archive:${file}`)
  await putImage(store, 'first', 'v1')
  const other = freshFile()
  const elsewhere = open(`oci-archive:${other}`)
  await putImage(elsewhere, 'first', 'v1')
  await putImage(elsewhere, 'theirs', 'theirs')
  await inOneStep(store, async () => {
    await putImage(store, 'ours', 'ours')
    execFileSync('mv', [other, file])
  })
  expect(await store.tags()).toEqual(['ours', 'theirs', 'v1'])
})

test('tags move as in a layout: exactly, and a log keeps one state only', async () => {
  const file = freshFile()
  const store = open(`oci-archive:${file}`)
  const [a, b] = [await putImage(store, 'a', 'v1'), await putImage(store, 'b')]
  expect([await store.retag?.('v1', b.digest, b.digest), await store.retag?.('v1', b.digest, a.digest)]).toEqual([
    false,
    true,
  ])
  expect((await store.resolve({ tag: 'v1' }))?.digest).toBe(b.digest)
  const ref = { kind: 'oci-archive', local: file, tag: 'v1' } as const
  const { bytes } = await store.getManifest(a.digest)
  expect(await moveTag(ref, a.digest, bytes, mediaTypes.manifest, ports)).toBe('lost')
  expect(await moveTag(ref, b.digest, bytes, mediaTypes.manifest, ports)).toBe('moved')
})

test('an image without a tag is found where it is the only one', async () => {
  const file = freshFile()
  const store = open(`oci-archive:${file}`)
  const image = await putImage(store, 'a', 'v1')
  await putArtifact(store, { artifactType: 'application/x-test', subject: image, layers: [] })
  const plain = freshFile()
  const entries = await membersOf(file, (index) =>
    index.replace(/,"annotations":\{"org.opencontainers.image.ref.name":"v1"\}/, ''),
  )
  writeFileSync(plain, await tar(entries))
  expect(await resolveImage(`oci-archive:${plain}`, ports)).toMatchObject({
    descriptor: { digest: image.digest },
    tag: null,
  })
  await putImage(store, 'b', 'v2')
  await expect(resolveImage(`oci-archive:${file}`, ports)).rejects.toMatchObject({
    code: 'input-invalid',
    remedy: expect.stringContaining(`oci-archive:${file}:v1`),
  })
})

test('a compressed archive is read and not written', async () => {
  const file = freshFile()
  const image = await putImage(open(`oci-archive:${file}`), 'layer', 'v1')
  for (const [ending, compress] of [
    ['gz', gzipSync],
    ['zst', zstdCompressSync],
  ] as const) {
    writeFileSync(`${file}.${ending}`, compress(readFileSync(file)))
    const { store, descriptor } = await resolveImage(`oci-archive:${file}.${ending}:v1`, ports)
    expect(descriptor.digest).toBe(image.digest)
    expect(await readAll(store, { digest: sha256('layer'), size: 5 })).toBe('layer')
    expect(await codeOf(putImage(store, 'other', 'v2'))).toBe('unsupported')
  }
})

const remote = {
  layout: async (args: Parameters<typeof layoutOperation>[0], body?: Parameters<typeof layoutOperation>[1]) => {
    const answer = await layoutOperation(args, body ?? nothing(), ports)
    return { body: nothing(), ...answer }
  },
  credential: () => Promise.resolve(null),
}

test('a worker sees an archive through its step, and believes no digest', async () => {
  const file = freshFile()
  const image = await putImage(open(`oci-archive:${file}`), 'layer', 'v1')
  const far = openRemoteLayout(`oci-archive:${file}`, 'localhost/image', remote)
  expect([far.name, await far.tags()]).toEqual([`oci-archive:${file}`, ['v1']])
  expect(await far.images?.()).toMatchObject([{ descriptor: { digest: image.digest }, tag: 'v1', name: 'v1' }])
  expect(await readAll(far, { digest: sha256('layer'), size: 5 })).toBe('layer')
  const theirs = await putImage(far, 'theirs', 'v2')
  expect((await open(`oci-archive:${file}:v2`).resolve({ tag: 'v2' }))?.digest).toBe(theirs.digest)
  expect(await codeOf(openRemoteLayout('ghcr.io/a/b', 'x', remote).tags())).toBe('input-invalid')
})

test('what a worker writes in one step is one new archive, and nothing where the step fails', async () => {
  const file = freshFile()
  await putImage(open(`oci-archive:${file}`), 'layer', 'v1')
  const far = openRemoteLayout(`oci-archive:${file}`, 'localhost/image', remote)
  const node = (): number => statSync(file).ino
  const [before, bytes] = [node(), readFileSync(file)]
  await inOneStep(far, async () => {
    const image = await putImage(far, 'one', 'v2')
    await inOneStep(far, async () => {
      await putArtifact(far, { artifactType: 'a/b', subject: image, layers: [] })
    })
    await far.tag('v3', image.digest)
    // The worker reads what it wrote, and nobody else does.
    expect(await far.tags()).toEqual(['v1', 'v2', 'v3'])
    expect([node(), readFileSync(file).equals(bytes)]).toEqual([before, true])
  })
  expect(await open(`oci-archive:${file}`).tags()).toEqual(['v1', 'v2', 'v3'])
  const after = readFileSync(file)
  const failed = inOneStep(far, async () => {
    await putImage(far, 'two', 'v4')
    throw new TypeError('the work fails')
  })
  await expect(failed).rejects.toThrow('the work fails')
  expect(readFileSync(file).equals(after)).toBe(true)
  expect(await far.tags()).toEqual(['v1', 'v2', 'v3'])
  expect(await codeOf(remote.layout({ directory: `oci-archive:${file}`, operation: 'end', keep: true }))).toBe(
    'input-invalid',
  )
})

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** The members of an archive, with another index.json. */
async function membersOf(file: string, change: (index: string) => string): Promise<Short[]> {
  const read = (name: string): Buffer => execFileSync('tar', ['xOf', file, name])
  return namesIn(file).map((path) => ({
    path,
    text: path === 'index.json' ? change(read(path).toString('utf8')) : read(path),
  }))
}

describe('a hostile archive is refused:', () => {
  let file: string
  let members: Short[]
  beforeAll(async () => {
    file = freshFile()
    await putImage(open(`oci-archive:${file}`), 'layer', 'v1')
    members = await membersOf(file, (index) => index)
  })
  const written = async (bytes: Buffer): Promise<string> => {
    const path = freshFile()
    writeFileSync(path, bytes)
    return path
  }
  const code = (path: string): Promise<unknown> =>
    codeOf(
      resolveImage(`oci-archive:${path}`, testPorts()).then(({ store }) =>
        readAll(store, { digest: sha256('layer'), size: 5 }),
      ),
    )

  test.each<[string, string, (all: Short[]) => Short[]]>([
    ['a member twice', 'archive-ambiguous', (all) => [...all, { path: 'index.json', text: '{}' }]],
    [
      'a link in place of the index',
      'format-invalid',
      (all) => all.map((one) => (one.path === 'index.json' ? { path: 'index.json', link: '/etc/passwd' } : one)),
    ],
    ['a link beside', 'format-invalid', (all) => [...all, { path: 'blobs/sha256/x', link: '../../index.json' }]],
    ['a name that leaves it', 'path-escape', (all) => [...all, { path: '../x', text: 'x' }]],
    ['no index.json', 'format-invalid', (all) => all.filter(({ path }) => path !== 'index.json')],
    [
      'an index.json of another form',
      'format-invalid',
      (all) => all.map((one) => (one.path === 'index.json' ? { path: 'index.json', text: '[]' } : one)),
    ],
    ['a docker archive', 'file-invalid', () => [{ path: 'manifest.json', text: '[]' }]],
    [
      'other bytes of a blob',
      'digest-mismatch',
      (all) => all.map((one) => (String(one.text) === 'layer' ? { ...one, text: 'LAYER' } : one)),
    ],
    [
      'a longer blob',
      'digest-mismatch',
      (all) => all.map((one) => (String(one.text) === 'layer' ? { ...one, text: 'layers' } : one)),
    ],
    ['a blob that is missing', 'missing-blob', (all) => all.filter((one) => String(one.text) !== 'layer')],
  ])('%s', async (_, expected, change) => {
    expect(await code(await written(await tar(members)))).toBe('none')
    expect(await code(await written(await tar(change(members))))).toBe(expected)
  })

  test('a size that the file does not have, a file that is cut short, a sparse member', async () => {
    const whole = await tar(members)
    const lie = block({ name: 'blobs/sha256/big', size: 1 << 30 })
    expect(await code(await written(Buffer.concat([whole.subarray(0, -1024), lie, Buffer.alloc(512)])))).toBe(
      'format-invalid',
    )
    const cut = await written(whole)
    truncateSync(cut, whole.length - 1024 - 700)
    expect(await code(cut)).toBe('format-invalid')
    const sparse = Buffer.concat([
      block({ name: 'x', flag: 'x', size: 512 }),
      pax({
        'GNU.sparse.major': '1',
        'GNU.sparse.minor': '0',
        'GNU.sparse.name': 'hole',
        'GNU.sparse.realsize': '1000000',
      }),
      block({ name: 'hole', size: 512 }),
      Buffer.concat([Buffer.from('1\n0\n0\n'), Buffer.alloc(506)]),
    ])
    expect(await code(await written(Buffer.concat([sparse, whole])))).toBe('format-invalid')
  })

  test('a refusal names the archive', async () => {
    const linked = await written(await tar([...members, { path: 'blobs/sha256/x', link: '../../index.json' }]))
    const text = join(scratch(), 'notes.txt')
    writeFileSync(text, 'notes'.repeat(1000))
    for (const path of [linked, text])
      await expect(resolveImage(`oci-archive:${path}`, testPorts())).rejects.toMatchObject({
        code: 'format-invalid',
        subject: path,
        message: expect.stringContaining(`the archive ${path}`),
        remedy: expect.stringMatching(/^(Save the image|Write the archive) again/),
      })
  })

  test('what is not an OCI archive is not written over', async () => {
    const path = await written(await tar([...members, { path: 'manifest.json', text: '[]' }]))
    const bytes = readFileSync(path)
    await expect(putImage(open(`oci-archive:${path}`), 'other', 'v2')).rejects.toMatchObject({ code: 'exists' })
    const text = join(scratch(), 'notes.txt')
    writeFileSync(text, 'notes')
    expect(await codeOf(putImage(open(`oci-archive:${text}`), 'other', 'v2'))).toBe('format-invalid')
    expect([readFileSync(path).equals(bytes), readFileSync(text, 'utf8')]).toEqual([true, 'notes'])
  })
})

function pax(records: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`
    let length = rest.length
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length
    return `${length}${rest}`
  })
  const bytes = Buffer.alloc(512)
  bytes.write(text.join(''))
  return bytes.subarray(0, 512)
}

test('a missing archive is named; so is a folder that lies there', async () => {
  expect(await codeOf(resolveImage(`oci-archive:${freshFile()}:v1`, ports))).toBe('not-found')
  expect(await codeOf(resolveImage(`oci-archive:${scratch()}:v1`, ports))).toBe('file-invalid')
})

withPeers(['skopeo'], 'skopeo reads what is written, and writes what is read', async () => {
  const file = freshFile()
  const image = await putImage(open(`oci-archive:${file}`), 'layer', 'v1')
  const run = (...args: string[]): string => execFileSync('skopeo', args, { encoding: 'utf8' })
  expect(sha256(Buffer.from(run('inspect', '--raw', `oci-archive:${file}:v1`)))).toBe(image.digest)
  const [back, untagged] = [freshFile(), freshFile()]
  const copy = ['copy', '--quiet', '--dest-oci-accept-uncompressed-layers', `oci-archive:${file}:v1`]
  run(...copy, `oci-archive:${back}:v7`)
  run(...copy, `oci-archive:${untagged}`)
  expect(await resolveImage(`oci-archive:${back}`, ports)).toMatchObject({
    descriptor: { digest: image.digest },
    tag: 'v7',
  })
  expect(await resolveImage(`oci-archive:${untagged}`, ports)).toMatchObject({
    descriptor: { digest: image.digest },
    tag: null,
  })
  // Both work on one archive.
  await putImage(open(`oci-archive:${back}`), 'more', 'v8')
  expect(JSON.parse(run('inspect', `oci-archive:${back}:v7`))).toMatchObject({ Digest: image.digest })
})
