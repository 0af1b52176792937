import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { environmentFile, sandboxArgv } from '../../../src/build/sandbox/argv.ts'
import { explainProbe, hasIds, requirePrograms, type MachineFacts } from '../../../src/build/sandbox/probe.ts'
import type { HostView, Order } from '../../../src/build/sandbox/types.ts'
import { weakestSteps } from '../../../src/statement/isolation.ts'
import { execFileSync } from 'node:child_process'
import { scratch } from '../../../testkit/ports.ts'

const facts: MachineFacts = {
  ...{ uid: 1001, user: 'runner', apparmor: null, maximum: '28633', clone: null, noNewPrivileges: false },
  ...{ subuid: 'runner:100000:65536\n', subgid: 'runner:100000:65536\n' },
}

describe('where the sandbox does not start', () => {
  test.each<[string, Partial<MachineFacts>, RegExp]>([
    ['user namespaces are off', { maximum: '0' }, /sysctl -w user\.max_user_namespaces/],
    ['they are for root', { clone: '0' }, /sysctl -w kernel\.unprivileged_userns_clone=1/],
    ['no subordinate ids', { subuid: '' }, /usermod --add-subuids 100000-165535 --add-subgids 100000-165535 runner/],
    ['too few of them', { subgid: 'runner:100000:1000' }, /usermod/],
    ['NoNewPrivileges', { noNewPrivileges: true }, /NoNewPrivileges=yes/],
    [
      'AppArmor',
      { apparmor: '1' },
      /examples\/runner\/etc\/apparmor\.d\/sealwright-sandbox.*sysctl -w kernel\.apparmor/,
    ],
    [
      'the line of root is not the first',
      { uid: 0, user: 'root', subuid: 'a:1:65536\nroot:100000:65536\n', subgid: 'root:100000:65536' },
      /Move the line of root to the top/,
    ],
    ['nothing of these', {}, /--privileged/],
  ])('%s: exit code 2 and what to set', (_title, change, remedy) => {
    const error = explainProbe({ ...facts, ...change }, 'none', 'a\nb: Operation not permitted')
    expect(error).toMatchObject({ code: 'unsupported', exitCode: 2, subject: 'sandbox' })
    expect(error.remedy).toMatch(remedy)
    expect(error.remedy).toContain('`builder: embedded` without `prepare`')
    expect(error.message).toContain('Operation not permitted')
  })

  test('root is not restricted by what is for others', () => {
    const root = {
      ...facts,
      uid: 0,
      user: 'root',
      apparmor: '1',
      clone: '0',
      subuid: '0:1:65536',
      subgid: 'root:1:65536',
    }
    expect(explainProbe({ ...root, noNewPrivileges: true }, 'default', '').remedy).toMatch(/\/dev\/net\/tun/)
  })

  test('ids count by name or number, and all on one line', () => {
    expect(hasIds('other:1:65536\n1001:1:65535', facts)).toBe(true)
    expect(hasIds('runner:1:40000\nrunner:50000:40000', facts)).toBe(false)
  })

  test('missing programs are named, with the packages', async () => {
    const bin = scratch('bin')
    for (const name of ['sh', 'unshare', 'setpriv', 'mount', 'chown', 'mkfifo', 'readlink']) {
      writeFileSync(join(bin, name), '')
      chmodSync(join(bin, name), 0o755)
    }
    await expect(requirePrograms('none', [bin])).rejects.toMatchObject({
      ...{ code: 'tool-missing', exitCode: 2 },
      message: expect.stringMatching(/bwrap, newuidmap, newgidmap are not installed/),
      remedy: expect.stringContaining('apt-get install bubblewrap uidmap slirp4netns'),
    })
    await expect(requirePrograms('default', [bin])).rejects.toThrow(/slirp4netns/)
  })
})

const view: HostView = {
  roots: [{ name: 'bin', link: 'usr/bin' }],
  etc: ['/etc/ssl/certs'],
  tools: ['/opt/tool cache'],
  path: '/usr/bin',
  recordedPath: [],
  env: {},
  stage: '/mnt',
}
const order: Order = { command: ['true'], as: 'user', cwd: '/', env: {}, shared: [], umask: '022', programs: 'job' }

test('only what is named is shown, and read-only unless it is the step’s own', () => {
  const shared: Order['shared'] = [
    { from: '/t/context', at: '/build/first/context', as: 'own' },
    { from: '/t/in', at: '/build/in', as: 'read' },
  ]
  const argv = sandboxArgv({ ...order, shared }, 'none', view, '/private')
  const writable = argv.flatMap((word, i) => (word === '--bind' ? [[argv[i + 1], argv[i + 2]]] : []))
  expect(writable).toEqual([['/mnt/6', '/build/first/context']])
  const staged = argv.slice(argv.indexOf('/mnt') + 1, argv.indexOf('--'))
  expect(staged.slice(12, 16)).toEqual(['1001', '/t/context', '-', '/t/in'])
  expect(staged.slice(16)).toEqual(['-', '/opt/tool cache'])
  expect(argv).toContain('--unshare-net')
  expect(argv).toEqual(expect.arrayContaining(['--die-with-parent', '--as-pid-1', '--unshare-pid', '--cap-drop']))
  // With a network the namespace is made before, by who may change its routes.
  expect(sandboxArgv(order, 'default', view, '/private')).not.toContain('--unshare-net')
})

test('values of the environment reach the shell as they are, and names that are none do not', () => {
  const value = `it's "x" $(id) \`id\` \\ \n end`
  const path = join(scratch(), 'env')
  writeFileSync(path, environmentFile({ A: value, 'B;touch /tmp/x': 'no' }))
  expect(execFileSync('sh', ['-c', `. ${path}; printf %s "$A"`], { encoding: 'utf8' })).toBe(value)
  expect(environmentFile({ 'B;id': 'no', '1': 'no' })).toBe('')
})

test('a build is kept apart as well as its weakest step', () => {
  const sandbox = { steps: 'sandbox', network: 'default' } as const
  expect(weakestSteps(sandbox, { steps: 'engine', network: 'none' })).toEqual({ steps: 'engine', network: 'default' })
  expect(weakestSteps({ steps: 'no-steps', network: 'none' }, sandbox)).toEqual(sandbox)
  expect(weakestSteps({ steps: 'none', network: 'host' }, sandbox)).toEqual({ steps: 'none', network: 'host' })
})
