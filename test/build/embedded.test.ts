import { gzipSync } from 'node:zlib'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { collect } from '../../src/base/streams.ts'
import { writeTar } from '../../src/tar/write.ts'
import type { TarHeader } from '../../src/image/types.ts'
import { build, shape, tree, type Built } from './support.ts'
import * as raw from '../../testkit/raw-tar.ts'

const names = ({ files }: Built): string[] => [...files.keys()].filter((path) => path !== '.')

const header = (path: string, type: TarHeader['type'], more: Partial<TarHeader> = {}): TarHeader => ({
  ...{
    path,
    type,
    mode: type === 'dir' ? 0o755 : 0o644,
    uid: 5,
    gid: 6,
    uname: 'u',
    gname: 'g',
    size: 0,
    mtime: 2_000_000_000,
  },
  ...{ link: '', devMajor: 0, devMinor: 0, xattrs: {} },
  ...more,
})

async function archive(headers: TarHeader[], content = 'x'): Promise<Buffer> {
  async function* body(size: number): AsyncGenerator<Uint8Array> {
    if (size > 0) yield Buffer.from(content)
  }
  const entries = headers.map((one) => ({
    header: one.type === 'file' ? { ...one, size: content.length } : one,
    body: body(one.type === 'file' ? content.length : 0),
  }))
  return collect(writeTar(entries), 1 << 20, 'archive')
}

describe('COPY', () => {
  const files = {
    'a.txt': 'A',
    'b.txt': 'B',
    'd/x': 'X',
    'd/e/y': 'Y',
    'd/up': { link: '../a.txt' },
    out: { link: '/etc/passwd' },
  }
  const copied = async (lines: string): Promise<string[]> =>
    names(await build({ ...files, Containerfile: `FROM scratch\n${lines}` }))

  test.each([
    ['a file to a name', 'COPY a.txt /z', ['z']],
    ['a file into a folder', 'COPY a.txt /z/', ['z', 'z/a.txt']],
    ['a file into a folder that is there', 'WORKDIR /z\nCOPY a.txt /z', ['z', 'z/a.txt']],
    ['relative to WORKDIR', 'WORKDIR /w\nWORKDIR v\nCOPY a.txt .', ['w', 'w/v', 'w/v/a.txt']],
    ['the contents of a folder', 'COPY d /z', ['z', 'z/e', 'z/e/y', 'z/up', 'z/x']],
    ['several sources', 'COPY a.txt d /z/', ['z', 'z/a.txt', 'z/e', 'z/e/y', 'z/up', 'z/x']],
    ['a pattern', 'COPY [ab].tx? /z/', ['z', 'z/a.txt', 'z/b.txt']],
    ['a pattern over folders', 'COPY */e/* /z/', ['z', 'z/y']],
    ['a pattern that fits one file', 'COPY a* /z', ['z']],
    ['the JSON form', 'COPY ["a.txt", "/with space"]', ['with space']],
    ['an absolute source', 'COPY /d/x /', ['x']],
    ['a source with dots inside', 'COPY d/../a.txt /', ['a.txt']],
  ])('%s', async (_title, lines, expected) => {
    expect(await copied(lines)).toEqual(expected)
  })

  test.each([
    ['COPY ../x /', /leaves the context/],
    ['COPY d/../../x /', /leaves the context/],
    ['COPY none /', /none is not in the context/],
    ['COPY *.none /', /\*\.none is not in the context/],
    ['COPY a.txt b.txt /z', /must be a folder and end in a slash/],
    ['COPY a.txt /z\nCOPY d /z', /\/z is no folder/],
    ['COPY a.txt /z\nCOPY b.txt /z/', /\/z is no folder/],
    ['COPY a.txt', /needs a source and a destination/],
    ['COPY out /', /out is not in the context/],
    ['COPY --chmod=9 a.txt /', /no octal mode/],
    ['COPY --chown=nobody a.txt /', /not in \/etc\/passwd/],
    ['COPY [a /', /pattern that cannot be read/],
    ['COPY a.txt /.wh.b', /layers use names/],
  ])('%s is refused', async (lines, message) => {
    await expect(copied(lines)).rejects.toThrow(message)
  })

  test('a symlink is copied as a link, whatever it points at; a link named as source is followed inside the context', async () => {
    const all = await build({
      ...files,
      in: { link: '/a.txt' },
      Containerfile: 'FROM scratch\nCOPY . /all/\nCOPY in /\n',
    })
    expect(all.files.get('all/out')).toMatchObject({ type: 'symlink', link: '/etc/passwd' })
    expect(all.files.get('in')).toMatchObject({ type: 'file', size: 1 })
  })

  test('owners and modes: 0:0 and what git knows, unless said', async () => {
    const built = await build({
      ...files,
      'etc/passwd': 'root:x:0:0::/:\napp:x:7:8::/:\n',
      'etc/group': 'staff:x:9:\n',
      Containerfile: [
        ...['FROM scratch', 'COPY etc /etc', 'COPY a.txt /plain', 'COPY --chown=app --chmod=0700 a.txt /p/own'],
        ...['COPY --chown=app:staff a.txt /named', 'COPY --chown=3 d /d'],
      ].join('\n'),
    })
    expect(['plain', 'p', 'p/own', 'named', 'd', 'd/x'].map((path) => shape(built.files, path))).toEqual([
      ...['file 644 0:0', 'dir 755 7:8', 'file 700 7:8', 'file 644 7:9', 'dir 755 3:3', 'file 644 3:3'],
    ])
  })

  test('links of the stage are followed, and never out of its root', async () => {
    const root = { 'r/bin': { link: 'usr/bin' }, 'r/usr/bin/sh': 's', 'r/esc': { link: '../../../../usr' } }
    const built = await build({
      ...root,
      a: 'A',
      Containerfile: 'FROM scratch\nCOPY r /\nCOPY a /bin/\nCOPY a /esc/b/\nCOPY r /',
    })
    expect(names(built)).toEqual(['bin', 'esc', 'usr', 'usr/b', 'usr/b/a', 'usr/bin', 'usr/bin/a', 'usr/bin/sh'])
    const loop = { 'r/x': { link: 'y' }, 'r/y': { link: 'x' }, a: 'A' }
    await expect(build({ ...loop, Containerfile: 'FROM scratch\nCOPY r /\nCOPY a /x/' })).rejects.toThrow(
      /loop of symlinks/,
    )
  })

  test('from another stage, by name and number, and only the target’s own layers are kept', async () => {
    const text =
      'FROM scratch AS one\nCOPY --chown=4:4 d /d\nCOPY a.txt /a\nFROM scratch\nCOPY --from=one /d/e /e\nCOPY --from=0 a /\n'
    const built = await build({ ...files, Containerfile: text })
    expect(names(built)).toEqual(['a', 'e', 'e/y'])
    expect(shape(built.files, 'e/y')).toBe('file 644 4:4')
    expect(built.result.layers).toHaveLength(2)
    await expect(build({ ...files, Containerfile: `${text}COPY --from=1 a /b` })).rejects.toMatchObject({ exitCode: 2 })
  })

  test('from and onto an image in a layout', async () => {
    const base = await build({ ...files, Containerfile: 'FROM scratch\nCOPY . /\nENV X=1\nCMD ["c"]\n' })
    const name = `oci:${base.directory}:latest`
    const text = 'ARG B\nFROM $B\nENTRYPOINT ["e"]\nFROM $B\nCOPY b.txt /d/\nENV Y=${X}2\n'
    const onto = await build({ ...files, Containerfile: text }, { buildArgs: { B: name } })
    expect(onto.result.layers.map(({ from }) => from)).toEqual(['base', 'build'])
    expect(onto.config.config).toEqual({ Cmd: ['c'], Env: [expect.stringMatching(/^PATH=/), 'X=1', 'Y=12'] })
    expect(onto.result.record).toMatchObject({
      baseImages: [
        {
          digest: base.result.digest,
          name: expect.stringMatching(/^localhost\//),
          config: base.result.configDigest,
          layers: base.result.layers.map(({ digest }) => digest),
        },
      ],
      buildArgs: { B: expect.stringMatching(/^oci:[^/]+:latest$/) },
    })
    const from = await build({ Containerfile: `FROM scratch\nCOPY --from=${name} /d /copied\n` })
    // Also of an image that is only copied from, so that either can be denied.
    expect(from.result.record.baseImages).toMatchObject([{ config: base.result.configDigest }])
    expect(names(from)).toEqual(['copied', 'copied/e', 'copied/e/y', 'copied/up', 'copied/x'])
    expect(from.files.get('copied/x')?.sha256).toBe(base.files.get('d/x')?.sha256)
  })

  test('ignored files are not there; what prepare makes is, whatever the rules say', async () => {
    const context = { ...files, '.containerignore': 'a.txt\nmade', Containerfile: 'FROM scratch\nCOPY . /' }
    await expect(build({ ...context, Containerfile: 'FROM scratch\nCOPY a.txt /' })).rejects.toThrow(/a\.txt is not in/)
    const built = await build(context, { prepare: 'mkdir made; echo 1 > made/it' })
    expect(names(built)).not.toContain('a.txt')
    expect(names(built)).toContain('made/it')
    expect(built.result.preparedFiles).toBe(1)
  })
})

describe('ADD', () => {
  test.each(['plain', 'gzip'])('unpacks a %s archive with its owners, clamped times and links', async (kind) => {
    const folder = tree({ Containerfile: 'FROM scratch\nADD r.tar /r/\n' })
    const bytes = await archive([
      ...[header('d', 'dir'), header('d/z', 'file', { mode: 0o4755 }), header('a', 'hardlink', { link: 'd/z' })],
      ...[
        header('s', 'symlink', { link: 'd' }),
        header('s/in', 'file'),
        header('null', 'char', { devMajor: 1, devMinor: 3 }),
      ],
    ])
    writeFileSync(join(folder, 'r.tar'), kind === 'gzip' ? gzipSync(bytes) : bytes)
    const built = await build(folder)
    expect(names(built)).toEqual(['r', 'r/a', 'r/d', 'r/d/in', 'r/d/z', 'r/null', 'r/s'])
    expect(shape(built.files, 'r/d/z')).toMatch(/4755 5:6$/)
    expect(built.files.get('r/d/z')?.sha256).toBe(built.files.get('r/a')?.sha256)
  })

  test('takes what engines read alike: no guest unpacks an added archive', async () => {
    const folder = tree({ Containerfile: 'FROM scratch\nADD r.tar /r/\n' })
    // As npm packs long names: all that it knows stands in pax, too.
    const long = 'n'.repeat(120)
    const records = raw.pax([
      ['path', long],
      ['size', '1'],
    ])
    writeFileSync(
      join(folder, 'r.tar'),
      Buffer.concat([raw.archive(records, raw.member({}, 'x')), Buffer.from('more')]),
    )
    expect(names(await build(folder))).toEqual(['r', `r/${long}`])
  })

  test('copies what is no archive', async () => {
    const folder = tree({ Containerfile: 'FROM scratch\nADD a b.gz /x/\n', a: 'A' })
    writeFileSync(join(folder, 'b.gz'), gzipSync('no archive'))
    expect(names(await build(folder))).toEqual(['x', 'x/a', 'x/b.gz'])
  })

  test('an archive that leaves its folder is refused', async () => {
    const folder = tree({ Containerfile: 'FROM scratch\nADD r.tar /r/\n' })
    const bytes = await archive([header('x'.repeat(9), 'file')])
    // The writer makes no such name, so it is put in by hand, with the header's checksum.
    bytes.write('../../etc', 0)
    bytes.fill(' ', 148, 156)
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0)
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    writeFileSync(join(folder, 'r.tar'), bytes)
    await expect(build(folder)).rejects.toMatchObject({ code: 'path-escape' })
  })

  test.each<[string, Buffer]>([
    ['a file with the name of a folder', raw.archive(raw.member({ name: 'data/' }, 'x'), raw.member({ name: 'evil' }))],
    [
      'two names for one entry',
      raw.archive(raw.gnuLong('L', 'a'), raw.pax([['path', 'b']]), raw.member({ name: 'c' })),
    ],
    ['an unknown type', raw.archive(raw.member({ name: 'a', flag: 'Z' }))],
  ])('an archive with %s is refused', async (_what, bytes) => {
    const folder = tree({ Containerfile: 'FROM scratch\nADD r.tar /r/\n' })
    writeFileSync(join(folder, 'r.tar'), bytes)
    await expect(build(folder)).rejects.toMatchObject({ code: 'archive-ambiguous' })
  })

  test('absolute names in an archive stay in its folder', async () => {
    const folder = tree({ Containerfile: 'FROM scratch\nADD r.tar /r/\n' })
    const link = raw.block({ name: 'h', flag: '1', link: '/app/a' })
    writeFileSync(join(folder, 'r.tar'), raw.archive(raw.member({ name: '/app/a' }, 'a'), link))
    expect(names(await build(folder))).toEqual(['r', 'r/app', 'r/app/a', 'r/h'])
  })
})

describe('configuration', () => {
  test('every instruction of ours ends in the image', async () => {
    const { config } = await build(
      {
        Containerfile: [
          ...[
            'ARG V=1',
            'FROM scratch',
            'ARG V',
            'ARG W=${V}w',
            'ENV A=$W B="two words" C=c\\ d',
            'ENV OLD form here',
            'ENV A2=${A}',
          ],
          ...[
            'LABEL a.b=1 "c d"="e f"',
            'USER 1:2',
            'WORKDIR /a/../b',
            'EXPOSE 80 1000-1001/udp',
            'VOLUME /v /w',
            'VOLUME ["/x y"]',
          ],
          ...['STOPSIGNAL SIGINT', 'CMD ["lost"]', 'ENTRYPOINT exec it', 'CMD a $A'],
        ].join('\n'),
      },
      { buildArgs: { V: '9' }, labels: { extra: 'yes' } },
    )
    expect(config.config).toEqual({
      Env: [expect.stringMatching(/^PATH=/), 'A=9w', 'B=two words', 'C=c d', 'OLD=form here', 'A2=9w'],
      Labels: { 'a.b': '1', 'c d': 'e f', extra: 'yes' },
      User: '1:2',
      WorkingDir: '/b',
      ExposedPorts: { '80/tcp': {}, '1000/udp': {}, '1001/udp': {} },
      Volumes: { '/v': {}, '/w': {}, '/x y': {} },
      StopSignal: 'SIGINT',
      Entrypoint: ['/bin/sh', '-c', 'exec it'],
      Cmd: ['/bin/sh', '-c', 'a $A'],
    })
    expect(config.created).toBe('2023-11-14T22:13:20Z')
    // One history line an instruction but ARG; only WORKDIR made a layer.
    expect(config.history?.filter((entry) => entry.empty_layer !== true)).toHaveLength(config.rootfs.diff_ids.length)
  })

  test('values of build arguments are not in the history, and a secret is not in the record', async () => {
    const built = await build(
      { Containerfile: 'FROM scratch\nARG NPM_TOKEN\nARG X\nLABEL x=$X\n' },
      { buildArgs: { NPM_TOKEN: 'hunter22', X: 'seen' } },
    )
    expect(JSON.stringify(built.config)).not.toContain('hunter22')
    expect(JSON.stringify(built.config.history)).not.toContain('seen')
    expect(built.result.record.buildArgs).toEqual({ NPM_TOKEN: '(withheld)', X: 'seen' })
  })
})

describe('what the embedded builder cannot do', () => {
  test.each([
    ['FROM scratch\nRUN true', 'line 2 of Containerfile', 'RUN'],
    ['FROM scratch\n\nMAINTAINER me', 'line 3 of Containerfile', 'MAINTAINER'],
    ['FROM --platform=linux/arm64 scratch', 'line 1 of Containerfile', 'FROM --platform'],
    ['FROM scratch\nCOPY <<E /x\nhi\nE', 'line 2 of Containerfile', 'here-documents'],
    ['FROM scratch\nCOPY --link a /', 'line 2 of Containerfile', '--link'],
    ['FROM scratch\nADD https://example.com/x /', 'line 2 of Containerfile', 'ADD of a URL'],
  ])('%j names line and drivers', async (Containerfile, line, what) => {
    await expect(build({ Containerfile, a: '' })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(new RegExp(`${line}.*${what}`)),
      remedy: expect.stringMatching(/buildah.*docker/),
    })
  })

  test('several platforms, an image without digest, a foreign platform, no Containerfile', async () => {
    const Containerfile = 'FROM scratch\nLABEL a=b'
    await expect(build({ Containerfile }, { platforms: ['linux/amd64', 'linux/arm64'] })).rejects.toMatchObject({
      code: 'unsupported',
    })
    await expect(build({ Containerfile }, { platforms: ['windows'] })).rejects.toMatchObject({ code: 'input-invalid' })
    await expect(build({ Containerfile: 'FROM example.com/a/b:1' })).rejects.toMatchObject({
      code: 'input-invalid',
      remedy: expect.stringContaining('example.com/a/b:1@sha256:'),
    })
    await expect(build({ Containerfile: '# base\nFROM debian:bookworm' })).rejects.toMatchObject({
      code: 'reference-invalid',
      message: expect.stringContaining('line 2 of Containerfile: '),
    })
    await expect(build({})).rejects.toMatchObject({ code: 'file-missing', subject: 'file' })
    await expect(build('/nonexistent')).rejects.toMatchObject({ code: 'file-missing', subject: 'context' })
    await expect(build({ Containerfile }, { sourceDateEpoch: 'commit' })).rejects.toMatchObject({
      subject: 'source-date-epoch',
    })
  })
})
