import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { withPeers } from '../../testkit/peers.ts'
import { build, commitAll, tree } from './support.ts'

/** TRUST §5.8: the ignore file that was used is an input: it equals the commit's blob or is absent from both. */
const files = { Containerfile: 'FROM scratch\nCOPY . /\n', 'etc/deny.conf': 'deny all\n', 'app.txt': 'app\n' }

interface Case {
  committed?: Record<string, string>
  /** After the commit. */
  change(folder: string): void
  unclean: RegExp
}

const write = (name: string, text: string) => (folder: string) => writeFileSync(join(folder, name), text)
const hides = (name: string): string => `${name}\netc/deny.conf\n`

const dirty: [string, Case][] = [
  [
    'an untracked file beside the Containerfile that hides itself',
    {
      change: write('Containerfile.containerignore', hides('Containerfile.containerignore')),
      unclean: /not the one of/,
    },
  ],
  [
    'an untracked file in the context',
    { change: write('.dockerignore', hides('.dockerignore')), unclean: /not the one of/ },
  ],
  [
    'an untracked file before the committed one',
    {
      committed: { '.dockerignore': '' },
      change: write('.containerignore', hides('.containerignore\n.dockerignore')),
      unclean: /ignore file .containerignore: not the one of/,
    },
  ],
  [
    'a changed file',
    {
      committed: { '.containerignore': '.containerignore\n' },
      change: write('.containerignore', hides('.containerignore')),
      unclean: /content differs/,
    },
  ],
  [
    'a committed file that is not here, where the next one hides that',
    {
      committed: { 'Containerfile.dockerignore': '', '.dockerignore': 'Containerfile.dockerignore\netc\n' },
      change: (folder) => rmSync(join(folder, 'Containerfile.dockerignore')),
      unclean: /ignore file .dockerignore: not the one of/,
    },
  ],
  [
    'a committed file that is not here',
    {
      committed: { '.dockerignore': 'x\n' },
      change: (folder) => rmSync(join(folder, '.dockerignore')),
      unclean: /.dockerignore: in the commit, but not here/,
    },
  ],
  [
    'a link in its place',
    {
      committed: { '.dockerignore': '' },
      change: (folder) => {
        rmSync(join(folder, '.dockerignore'))
        mkdirSync(join(folder, '../elsewhere'), { recursive: true })
        writeFileSync(join(folder, '../elsewhere/rules'), hides('.dockerignore'))
        symlinkSync('../elsewhere/rules', join(folder, '.dockerignore'))
      },
      unclean: /ignore file .dockerignore: content differs/,
    },
  ],
]

for (const [name, { committed, change, unclean }] of dirty) {
  withPeers(['git'], `${name} is an unclean source`, async () => {
    const folder = tree({ ...files, ...committed })
    commitAll(folder)
    change(folder)
    const { result } = await build(folder, { sourceDateEpoch: 'commit' })
    expect(result.record.source.clean).toBe(false)
    expect(result.unclean.join('\n')).toMatch(unclean)
  })
}

withPeers(['git'], 'the committed file is clean and stands in the record, as does that there is none', async () => {
  const rules = 'etc\n'
  const folder = tree({ ...files, '.containerignore': rules })
  commitAll(folder)
  const { result } = await build(folder, { sourceDateEpoch: 'commit' })
  expect(result.unclean).toEqual([])
  expect(result.record).toMatchObject({
    ignoreFile: { path: '.containerignore', digest: sha256(rules) },
    network: 'none',
    secrets: [],
    cache: null,
    source: { clean: true, committed: 1_650_000_000 },
  })
  const without = tree(files)
  commitAll(without)
  expect((await build(without)).result.record).toMatchObject({ ignoreFile: null, source: { clean: true } })
})

withPeers(['git'], 'prepare is a foreign step, and the record says which network it had', async () => {
  const folder = tree(files)
  commitAll(folder)
  expect((await build(folder, { prepare: 'true' })).result.record.network).toBe('none')
})

withPeers(
  ['git'],
  'the record says whether the Containerfile is the one that is taken where none is named',
  async () => {
    const text = files.Containerfile
    const both = tree({ ...files, Dockerfile: text })
    commitAll(both)
    const byDefault = async (folder: string, file: string | null): Promise<boolean> =>
      (await build(folder, { file: file === null ? null : join(folder, file) })).result.record.containerfile.byDefault
    expect(await byDefault(both, null)).toBe(true)
    expect(await byDefault(both, 'Containerfile')).toBe(true)
    expect(await byDefault(both, 'Dockerfile')).toBe(false)
    // A step that leaves the other out of its work tree changes nothing: the commit has it.
    rmSync(join(both, 'Containerfile'))
    expect(await byDefault(both, null)).toBe(false)
    const { Containerfile: _, ...rest } = files
    const only = tree({ ...rest, Dockerfile: text, 'other/Dockerfile': text })
    commitAll(only)
    expect(await byDefault(only, null)).toBe(true)
    expect(await byDefault(only, 'other/Dockerfile')).toBe(false)
  },
)

const pointer = (content: string, size = content.length): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${createHash('sha256').update(content).digest('hex')}\nsize ${size}\n`

for (const [name, stored, clean] of [
  ['the pointer of this very content', pointer('large'), true],
  ['a pointer of other content', pointer('other'), false],
  ['a pointer of another size', pointer('large', 6), false],
  ['a text that is no pointer', `${pointer('large')}x\n`, false],
] as const) {
  withPeers(['git'], `a large file whose commit holds ${name}: ${clean ? 'clean' : 'unclean'}`, async () => {
    const folder = tree({ ...files, 'large.bin': stored })
    commitAll(folder)
    writeFileSync(join(folder, 'large.bin'), 'large')
    expect((await build(folder)).result.record.source.clean).toBe(clean)
  })
}
