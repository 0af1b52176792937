import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { collect, type ByteSource } from '../../src/base/streams.ts'
import { readTar } from '../../src/tar/read.ts'
import { writeTar } from '../../src/tar/write.ts'
import type { TarEntry, TarHeader } from '../../src/image/types.ts'
import { packSource } from '../../src/tasks/build/pack.ts'
import { unpackSource } from '../../src/tasks/build/unpack.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { commitAll, tree } from './support.ts'

const ports = testPorts()
const files = { Containerfile: 'FROM scratch\nCOPY . /\n', 'app/a.txt': 'A', link: { link: 'app/a.txt' } }

interface Entry {
  header: TarHeader
  bytes: Buffer
}

async function entriesOf(stream: ByteSource): Promise<Entry[]> {
  const found = []
  for await (const { header, body } of readTar(stream, 'test'))
    found.push({ header, bytes: await collect(body, 1 << 20, '') })
  return found
}

function streamOf(entries: readonly Entry[]): ByteSource {
  async function* made(): AsyncGenerator<TarEntry> {
    for (const { header, bytes } of entries) yield { header: { ...header, size: bytes.length }, body: one(bytes) }
  }
  return writeTar(made())
}

async function* one(bytes: Buffer): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes
}

function entry(path: string, content = '', more: Partial<TarHeader> = {}): Entry {
  const owner = { uid: 0, gid: 0, uname: '', gname: '', mtime: 0, link: '', devMajor: 0, devMinor: 0, xattrs: {} }
  return { header: { path, type: 'file', mode: 0o644, size: 0, ...owner, ...more }, bytes: Buffer.from(content) }
}

const link = (path: string, to: string): Entry => entry(path, '', { type: 'symlink', link: to })
const meta = (change: object = {}): Entry =>
  entry('source.json', JSON.stringify({ context: '', file: 'top/Containerfile', git: null, ...change }))
const containerfile = entry('top/Containerfile', 'FROM scratch\n')

describe('what is packed comes back', () => {
  test('files, modes, links and empty folders, without what is ignored', async () => {
    const folder = tree({ ...files, '.dockerignore': 'secret\n', secret: 's3cret', 'app/b.txt': 'B' })
    mkdirSync(join(folder, 'empty'))
    const packed = await packSource(
      { context: folder, file: null, exclude: ['app/b.txt'].map((one) => join(folder, one)) },
      ports,
    )
    const material = await unpackSource(packed, scratch('w'))
    expect(readdirSync(material.context).sort()).toEqual(['.dockerignore', 'Containerfile', 'app', 'empty', 'link'])
    expect(readdirSync(join(material.context, 'app'))).toEqual(['a.txt'])
    expect(readFileSync(join(material.context, 'app/a.txt'), 'utf8')).toBe('A')
    expect(readlinkSync(join(material.context, 'link'))).toBe('app/a.txt')
    expect(lstatSync(join(material.context, 'app/a.txt')).mode & 0o777).toBe(0o644)
    expect(material.file.bytes.toString()).toBe(files.Containerfile)
    expect(material.source).toBeNull()
  })

  test.each([
    ['is gone', (path: string) => rmSync(path)],
    [
      'is a folder now',
      (path: string) => {
        rmSync(path)
        mkdirSync(path)
      },
    ],
  ])('a file that was listed and %s is named', async (_name, change) => {
    const folder = tree({ ...files, 'zz/last.txt': 'x' })
    const packed = await packSource({ context: folder, file: null, exclude: [] }, ports)
    const read = async (): Promise<void> => {
      let waiting = true
      for await (const chunk of packed) {
        if (!waiting || !Buffer.from(chunk).includes('top/app/a.txt')) continue
        waiting = false
        change(join(folder, 'zz/last.txt'))
      }
    }
    await expect(read()).rejects.toMatchObject({ code: 'file-invalid', subject: 'zz/last.txt' })
  })

  test('a Containerfile beside the context keeps its place', async () => {
    const folder = tree({ 'app/a.txt': 'A' })
    const beside = join(scratch('beside'), 'Other')
    writeFileSync(beside, 'FROM scratch\n')
    const packed = await packSource({ context: folder, file: beside, exclude: [] }, ports)
    const { file, context } = await unpackSource(packed, scratch('w'))
    expect([file.bytes.toString(), existsSync(join(context, 'Other'))]).toEqual(['FROM scratch\n', false])
  })

  withPeers(['git'], 'a commit, and a context below the top of its repository', async () => {
    const { folder, commit } = repository()
    const packed = await packSource(
      { context: join(folder, 'app'), file: join(folder, 'Containerfile'), exclude: [] },
      ports,
    )
    const { source, context } = await unpackSource(packed, scratch('w'))
    expect(source).toMatchObject({ commit, hash: 'sha1' })
    expect([...(source?.files.keys() ?? [])].sort()).toEqual(['Containerfile', 'app/a.txt', 'link'])
    expect(context).toBe(join(source?.top ?? '', 'app'))
  })
})

function repository(): { folder: string; commit: string } {
  const folder = tree(files)
  return { folder, commit: commitAll(folder) }
}

describe('a forged commit is refused', () => {
  const forge = (name: string, change: (bytes: Buffer) => Buffer): ((all: Entry[]) => Entry[]) => {
    return (all) => all.map((item) => (item.header.path === name ? { ...item, bytes: change(item.bytes) } : item))
  }
  const replaced = (from: string | RegExp, to: string) => (bytes: Buffer) =>
    Buffer.from(bytes.toString('latin1').replace(from, to), 'latin1')

  for (const [what, change] of [
    ['another message', forge('git/commit', replaced(/\n$/, ' changed\n'))],
    ['another committer time', forge('git/commit', replaced(/(committer .*> )\d+/, '$10'))],
    ['another mode in the listing', forge('git/listing', replaced('100644', '100755'))],
    ['another object in the listing', forge('git/listing', replaced(/blob [0-9a-f]{4}/, 'blob 0000'))],
    ['a file less in the listing', forge('git/listing', replaced(/^[^\0]*\0/, ''))],
    ['another commit id', forge('source.json', replaced(/"commit":"[0-9a-f]{40}"/, `"commit":"${'0'.repeat(40)}"`))],
    ['a commit id of no form', forge('source.json', replaced(/"commit":"[0-9a-f]{40}"/, '"commit":"HEAD"'))],
  ] as const) {
    withPeers(['git'], what, async () => {
      const { folder } = repository()
      const all = await entriesOf(await packSource({ context: folder, file: null, exclude: [] }, ports))
      await expect(unpackSource(streamOf(all), scratch('w'))).resolves.toMatchObject({ source: { hash: 'sha1' } })
      const forged = change(all)
      expect(forged).not.toEqual(all)
      await expect(unpackSource(streamOf(forged), scratch('w'))).rejects.toMatchObject({ code: 'source-mismatch' })
    })
  }
})

describe('a hostile stream', () => {
  test('the honest one of the same form is taken', async () => {
    const { context, file } = await unpackSource(streamOf([meta(), containerfile]), scratch('w'))
    expect(file.path).toBe(join(context, 'Containerfile'))
  })

  test.each<[string, (outside: string) => Entry[], string]>([
    [
      'a link that leads out, and a file through it',
      (to) => [meta(), link('top/a', to), entry('top/a/x', 'X')],
      'path-escape',
    ],
    [
      'the same with a folder',
      (to) => [meta(), link('top/a', to), entry('top/a/x', '', { type: 'dir' })],
      'path-escape',
    ],
    ['a link in place of the top', (to) => [link('top', to), meta(), containerfile], 'path-escape'],
    [
      'a link over which a file is written',
      (to) => [meta(), link('top/x', `${to}/x`), entry('top/x', 'X')],
      'format-invalid',
    ],
    ['a name that climbs', () => [meta(), entry('top/../../x', 'X')], 'path-escape'],
    ['a context behind a link', (to) => [meta({ context: 'a/x' }), containerfile, link('top/a', to)], 'path-escape'],
    ['a context that is a link', (to) => [meta({ context: 'a' }), containerfile, link('top/a', to)], 'path-escape'],
    ['a context outside', () => [meta({ context: '../..' }), containerfile], 'format-invalid'],
    ['a context beside the top', () => [meta({ context: '../git' }), containerfile], 'format-invalid'],
    ['a Containerfile outside', () => [meta({ file: '../../x' }), containerfile], 'format-invalid'],
    [
      'a Containerfile of the machine',
      () => [meta({ file: '../../../../../../etc/hostname' }), containerfile],
      'format-invalid',
    ],
    ['a Containerfile that is a link', (to) => [meta(), link('top/Containerfile', `${to}/there`)], 'format-invalid'],
    ['a Containerfile behind a link', (to) => [meta({ file: 'top/a/there' }), link('top/a', to)], 'format-invalid'],
    ['no Containerfile', () => [meta()], 'format-invalid'],
    ['its own description as a link', (to) => [link('source.json', `${to}/meta`), containerfile], 'format-invalid'],
    [
      'git objects as links',
      (to) => [
        meta({ git: { commit: '0'.repeat(40), remote: null, version: '2' } }),
        containerfile,
        link('git/commit', `${to}/there`),
        entry('git/listing'),
      ],
      'format-invalid',
    ],
    ['no description', () => [containerfile], 'format-invalid'],
    ['a description with more', () => [meta({ more: 1 }), containerfile], 'format-invalid'],
    ['a device', () => [meta(), entry('top/null', '', { type: 'char', devMajor: 1, devMinor: 3 })], 'format-invalid'],
    [
      'a hard link',
      () => [meta(), containerfile, entry('top/b', '', { type: 'hardlink', link: 'top/Containerfile' })],
      'format-invalid',
    ],
    ['a file twice', () => [meta(), containerfile, containerfile], 'format-invalid'],
  ])('%s is refused, and nothing outside is touched', async (_what, entries, code) => {
    const outside = scratch('outside')
    writeFileSync(join(outside, 'there'), 'FROM scratch\n')
    writeFileSync(join(outside, 'meta'), meta().bytes)
    const before = readdirSync(outside)
    await expect(unpackSource(streamOf(entries(outside)), scratch('w'))).rejects.toMatchObject({ code, exitCode: 1 })
    expect(readdirSync(outside)).toEqual(before)
  })
})
