import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyContext } from '../../src/build/context/copy.ts'
import { runPrepare, stepEnvironment } from '../../src/build/context/prepare.ts'
import { settleContext } from '../../src/build/context/settle.ts'
import { noRules, parseIgnore, type IgnoreRules } from '../../src/build/ignore.ts'
import { openSandbox } from '../../src/build/sandbox/open.ts'
import { sandboxPeers, withPeers } from '../../testkit/peers.ts'
import { recordingLog, scratch, testPorts } from '../../testkit/ports.ts'
import { tree } from './support.ts'

const around = { umask: '077', timezone: 'Asia/Tokyo', jobs: 1 }

async function copy(from: string, rules: IgnoreRules = noRules, exclude: string[] = []) {
  const to = join(scratch(), 'copy')
  const result = await copyContext({ from, to, rules, exclude, blobHash: null, concurrency: 3, log: recordingLog() })
  return { to, ...result, paths: result.files.map(({ path }) => path) }
}

describe('copying the context', () => {
  test('links stay links, git’s own folder stays out, modes become git’s', async () => {
    const from = tree({ a: 'A', b: 'B', '.git/config': 'x', 'sub/.git': 'gitdir: x', l: { link: '/etc/passwd' } })
    chmodSync(join(from, 'a'), 0o600)
    chmodSync(join(from, 'b'), 0o4711)
    mkdirSync(join(from, 'empty'))
    const { to, files } = await copy(from)
    expect(files.map(({ path, mode }) => `${mode} ${path}`)).toEqual([
      '100644 a',
      '100755 b',
      '040000 empty',
      '120000 l',
      '040000 sub',
    ])
    expect(readlinkSync(join(to, 'l'))).toBe('/etc/passwd')
    expect([lstatSync(join(to, 'a')).mode & 0o7777, lstatSync(join(to, 'b')).mode & 0o7777]).toEqual([0o644, 0o755])
  })

  test('the digest tells content, mode and name apart, and nothing else', async () => {
    const digest = async (
      files: Record<string, string>,
      change: (folder: string) => void = () => {},
    ): Promise<string> => {
      const folder = tree(files)
      change(folder)
      return (await copy(folder)).digest
    }
    const same = await digest({ a: '1', b: '2' })
    expect(await digest({ b: '2', a: '1' }, (f) => chmodSync(join(f, 'a'), 0o600))).toBe(same)
    const others = [
      await digest({ a: '1', b: '3' }),
      await digest({ a: '1', c: '2' }),
      await digest({ a: '1', b: '2' }, (f) => chmodSync(join(f, 'a'), 0o755)),
      await digest({ a: '1', b: '2' }, (f) => mkdirSync(join(f, 'c'))),
    ]
    expect(new Set([same, ...others]).size).toBe(5)
  })

  test('rules and excluded folders; an exception below an ignored folder', async () => {
    const from = tree({ 'x/a': '', 'x/b': '', 'x/y/c': '', 'state/key': 'secret', z: '' })
    const { paths } = await copy(from, parseIgnore('x\n!x/b', 'I'), [join(from, 'state')])
    expect(paths).toEqual(['x/b', 'z'])
  })

  test('pipes and names that are not UTF-8 are refused', async () => {
    const pipe = tree({ a: '' })
    execFileSync('mkfifo', [join(pipe, 'p')])
    await expect(copy(pipe)).rejects.toMatchObject({ code: 'file-invalid', subject: 'p' })
    const odd = tree({ a: '' })
    writeFileSync(Buffer.concat([Buffer.from(`${odd}/`), Buffer.from([0xff])]), '')
    await expect(copy(odd)).rejects.toThrow(/not UTF-8/)
  })
})

describe('prepare', () => {
  const ports = testPorts({
    env: {
      PATH: process.env['PATH'],
      HOME: '/home/someone',
      SEALWRIGHT_STATE: 's',
      INPUT_KEY: 'i',
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 't',
      GITHUB_TOKEN: 'g',
    },
  })

  /** Runs a command over a context as a pass does. */
  const prepare = async (command: string, context: string, network: 'none' | 'default' = 'none') => {
    const sandbox = await openSandbox(network, [], ports)
    const [home, temp] = [scratch(), scratch()]
    await runPrepare(
      command,
      { name: 'first', context, home, temp },
      stepEnvironment(5, around),
      around,
      sandbox,
      ports,
    )
  }

  withPeers(sandboxPeers, 'sees nothing of the job’s environment', async () => {
    const folder = tree({})
    await prepare('env > env.txt; umask > umask.txt', folder)
    const text = readFileSync(join(folder, 'env.txt'), 'utf8')
    const names = text.split('\n').map((line) => line.split('=')[0])
    expect(names.filter((name) => /^(SEALWRIGHT|INPUT|ACTIONS|GITHUB)/.test(name ?? ''))).toEqual([])
    expect(text).toMatch(/^SOURCE_DATE_EPOCH=5$/m)
    expect(text).toMatch(/^TZ=Asia\/Tokyo$/m)
    expect(text).toMatch(/^HOME=\/build\/home$/m)
    expect(readFileSync(join(folder, 'umask.txt'), 'utf8').trim()).toBe('0077')
  })

  withPeers(sandboxPeers, 'a failure is the author’s to mend, and says that there was no network', async () => {
    await expect(prepare('echo no >&2; exit 3', tree({}))).rejects.toMatchObject({
      code: 'input-invalid',
      subject: 'prepare',
      message: expect.stringContaining('no'),
      remedy: expect.stringContaining('network: default'),
    })
  })

  test('what it leaves is settled: modes, times, no pipes', async () => {
    const folder = tree({ a: 'A', 'd/b': 'B' })
    chmodSync(join(folder, 'a'), 0o777)
    chmodSync(join(folder, 'd'), 0o700)
    expect(await settleContext(folder, 1000)).toEqual(['a', 'd/b'])
    expect(['a', 'd', 'd/b'].map((path) => lstatSync(join(folder, path)).mode & 0o7777)).toEqual([0o755, 0o755, 0o644])
    expect(lstatSync(join(folder, 'd/b')).mtimeMs).toBe(1_000_000)
    execFileSync('mkfifo', [join(folder, 'p')])
    await expect(settleContext(folder, 1000)).rejects.toMatchObject({ code: 'file-invalid', subject: 'p' })
  })
})
