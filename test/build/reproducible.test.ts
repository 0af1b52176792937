import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync } from 'node:fs'
import { join } from 'node:path'
import { compileCacheEnv } from '../../testkit/compile-cache.ts'
import { testPorts, scratch } from '../../testkit/ports.ts'
import { withPeers } from '../../testkit/peers.ts'
import { build, commitAll, git, tree } from './support.ts'

const child = join(import.meta.dirname, 'child.ts')
const files = {
  ...{ a: 'A', 'b.sh': 'B', 'd/ü': 'U', 'd/z': 'Z', l: { link: 'a' } },
  Containerfile: 'FROM scratch\nWORKDIR /w\nCOPY . .\nCOPY --chmod=0640 made /made\nLABEL a=b\n',
}

/** One repository, cloned into two folders under different umasks, each built by a process in other surroundings. */
function twice(builder: string): { digest: string; record: string; clean: string[]; same: boolean }[] {
  const folder = tree(files)
  chmodSync(join(folder, 'b.sh'), 0o755)
  commitAll(folder)
  const run = (umask: string, env: Record<string, string>, deep: string): string => {
    const clone = join(scratch(), deep)
    const script = `umask ${umask} && git clone --quiet "$1" "$2" && cd "$2" && exec "$3" "$4" "$2" "$2-layout" "$5"`
    const argv = ['-c', script, 'sh', folder, clone, process.execPath, child, builder]
    return execFileSync('sh', argv, {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', HOME: scratch(), ...compileCacheEnv, ...env },
    })
  }
  const first = run('022', { TZ: 'UTC', LANG: 'C' }, 'a')
  const second = run('077', { TZ: 'America/Caracas', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' }, 'longer/path/to/it')
  return [first, second].map((text) => JSON.parse(text) as ReturnType<typeof twice>[number])
}

describe('the same source gives the same digest', () => {
  for (const builder of ['embedded', 'buildah']) {
    withPeers(
      ['git', ...(builder === 'buildah' ? ['buildah'] : [])],
      `in two folders, umasks, zones and languages: ${builder}`,
      async () => {
        const [one, two] = twice(builder)
        expect(one).toEqual(two)
        expect(one).toMatchObject({ clean: [], same: true })
        await Promise.resolve()
      },
    )
  }

  test('and other bytes give another', async () => {
    const digests = await Promise.all(
      [{}, { a: 'other' }, { Containerfile: 'FROM scratch\nCOPY a /x\n' }].map(async (change) => {
        const { result } = await build({ ...files, Containerfile: 'FROM scratch\nCOPY . /\n', ...change })
        return result.digest
      }),
    )
    expect(new Set(digests).size).toBe(3)
  })

  test('zstd layers as well', async () => {
    const one = await build(files, { compression: 'zstd', rebuilds: 2, prepare: 'mkdir made' })
    expect(one.result).toMatchObject({
      reproducible: true,
      record: { rebuilds: { count: 2, matched: 2, independence: 'same-job' } },
    })
  })
})

describe('what is not reproducible', () => {
  const Containerfile = 'FROM scratch\nCOPY . /\n'

  test.each([
    ['content', 'head -c 8 /dev/urandom > x', [{ path: 'x', fields: ['sha256'] }]],
    ['the time zone', 'date +%Z > x', [{ path: 'x', fields: ['sha256', 'size'] }]],
    ['the path', 'pwd > x', [{ path: 'x', fields: ['sha256', 'size'] }]],
    [
      'a name',
      'touch "$(basename "$(dirname "$PWD")")"',
      [
        { path: 'first', fields: ['removed'] },
        { path: 'rebuild-1-in-another-folder', fields: ['added'] },
      ],
    ],
  ])('a rebuild that differs in %s names files and fields', async (_title, prepare, expected) => {
    const { result } = await build({ Containerfile, a: '' }, { prepare, rebuilds: 1 })
    expect(result.reproducible).toBe(false)
    expect(result.differences).toMatchObject([{ pass: 2, files: expected, config: [] }])
    expect(result.record.rebuilds).toMatchObject({ count: 1, matched: 0 })
  })

  test('nothing is published unless that was allowed', async () => {
    const ports = testPorts()
    const options = { prepare: 'pwd > x', rebuilds: 1, allowDifference: false }
    await expect(build({ Containerfile }, options, ports)).rejects.toMatchObject({
      code: expect.stringMatching(/missing-blob|not-found/),
    })
  })

  withPeers(['git'], 'a context that changes between the passes is refused', async () => {
    const folder = tree({ Containerfile, a: '' })
    commitAll(folder)
    const ports = testPorts()
    // Between the first pass and the second, as another program on the machine would.
    const info = (message: string): void => {
      if (message.startsWith('building again')) appendFileSync(join(folder, 'a'), 'x')
    }
    const changing = { ...ports, log: { ...ports.log, info } }
    await expect(build(folder, { rebuilds: 1 }, changing)).rejects.toMatchObject({
      code: 'source-mismatch',
      subject: 'a',
    })
    expect(git(folder, 'status', '--porcelain')).toContain('a')
  })
})
