import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { selfTest, type SelfTest } from '../../src/agent/self-test/run.ts'
import { fileTree, type Entry, type Tree } from '../../src/agent/self-test/tree.ts'
import { runnerSelfTest } from '../../src/cli/runner/self-test.ts'
import { root } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

/** A file's text, or an entry of another kind. */
type Item = string | (Partial<Entry> & { text?: string; link?: string })

/** A machine in memory: folders are there by their files, everything belongs to root. */
function tree(items: Record<string, Item | null>): Tree {
  const all = new Map(Object.entries(items).filter(([, item]) => item !== null))
  const folders = new Set(
    [...all.keys()].flatMap((path) => path.split('/').map((_, i, parts) => parts.slice(0, i).join('/') || '/')),
  )
  return {
    entry: async (path) => {
      const item = all.get(path)
      if (item === undefined || item === null) {
        return folders.has(path) ? { type: 'directory', uid: 0, gid: 0, mode: 0o755 } : null
      }
      if (typeof item === 'string') return { type: 'file', uid: 0, gid: 0, mode: 0o644 }
      return { type: item.type ?? 'file', uid: item.uid ?? 0, gid: item.gid ?? 0, mode: item.mode ?? 0o644 }
    },
    text: async (path) => {
      const item = all.get(path)
      return typeof item === 'string' ? item : (item?.text ?? null)
    },
    list: async (path) =>
      [
        ...new Set(
          [...all.keys()]
            .filter((name) => name.startsWith(`${path}/`))
            .map((name) => name.slice(path.length + 1).split('/')[0] ?? ''),
        ),
      ].sort(),
    link: async (path) => {
      const item = all.get(path)
      return typeof item === 'object' && item !== null ? (item.link ?? null) : null
    },
  }
}

const mount = (id: number, device: string, point: string, type: string, source: string, options = 'rw'): string =>
  `${id} 1 ${device} / ${point} rw,relatime shared:1 - ${type} ${source} ${options}`
const mounts = [
  mount(20, '254:0', '/', 'ext4', '/dev/mapper/root'),
  mount(21, '0:20', '/tmp', 'tmpfs', 'tmpfs'),
  mount(22, '0:21', '/var/tmp', 'tmpfs', 'tmpfs'),
  mount(23, '0:22', '/var/log', 'tmpfs', 'tmpfs'),
  mount(24, '253:1', '/srv/jobs', 'ext4', '/dev/mapper/jobs'),
  mount(
    25,
    '0:23',
    '/home/runner',
    'overlay',
    'overlay',
    'rw,lowerdir=/home,upperdir=/srv/jobs/home,workdir=/srv/jobs/w',
  ),
  mount(26, '253:1', '/opt/actions-runner/_work', 'ext4', '/dev/mapper/jobs'),
  mount(27, '252:0', '/var/lib/containers', 'ext4', '/dev/zram0'),
  mount(28, '0:24', '/var/lib/docker', 'tmpfs', 'tmpfs'),
  mount(29, '0:25', '/var/lib/sealwright-build', 'tmpfs', 'tmpfs'),
].join('\n')

const good: Record<string, Item | null> = {
  '/etc/passwd':
    'root:x:0:0::/root:/bin/sh\nrunner:x:1001:1001::/home/runner:/bin/bash\nsealwright-agent:x:990:990::/:/usr/sbin/nologin\nsealwright-build:x:992:992::/var/lib/sealwright-build:/usr/sbin/nologin\n',
  '/etc/group':
    'root:x:0:\nrunner:x:1001:\nsealwright-agent:x:990:\nsealwright-job:x:991:runner\nsudo:x:27:\ntss:x:110:\nsealwright-build:x:992:\n',
  '/etc/sudoers':
    '# comment\nDefaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n',
  '/etc/sudoers.d/README': '# nothing\n',
  '/dev/tpmrm0': { type: 'device', gid: 990, mode: 0o660 },
  '/dev/tpm0': { type: 'device', mode: 0o600 },
  '/dev/sev-guest': { type: 'device', mode: 0o600 },
  '/dev/mem': { type: 'device', gid: 9, mode: 0o640 },
  '/sys/kernel/config/tsm/report': { type: 'directory', uid: 990, mode: 0o755 },
  '/run/sealwright/agent.sock': { type: 'socket', uid: 990, gid: 991, mode: 0o660 },
  '/run/sealwright/worker.sock': { type: 'socket', uid: 990, gid: 990, mode: 0o600 },
  '/var/lib/sealwright-build': { type: 'directory', uid: 992, gid: 992, mode: 0o700 },
  '/run/docker.sock': { type: 'socket', gid: 120, mode: 0o660 },
  '/run/sealwright/sealed-devices': 'CRYPT-LUKS2-aaaa-jobs\n',
  '/proc/self/mountinfo': mounts,
  '/proc/swaps': 'Filename Type Size Used Priority\n/dev/zram1 partition 1 0 100\n',
  '/proc/sys/kernel/core_pattern': '|/bin/false\n',
  '/proc/sys/fs/suid_dumpable': '0\n',
  '/proc/sys/kernel/yama/ptrace_scope': '2\n',
  '/sys/block/dm-1/dev': '253:1\n',
  '/sys/block/dm-1/dm/uuid': 'CRYPT-LUKS2-aaaa-jobs\n',
  '/sys/block/dm-1/dm/name': 'jobs\n',
  '/sys/block/dm-1/slaves/dm-0': '',
  '/sys/block/dm-0/dm/name': 'jobs_dif\n',
  '/sys/block/dm-0/dm/uuid': 'CRYPT-SUBDEV-jobs_dif\n',
  '/sys/block/zram0/backing_dev': 'none\n',
  '/sys/block/zram1/backing_dev': 'none\n',
  '/opt/actions-runner/.env':
    'ACTIONS_RUNNER_HOOK_JOB_STARTED=/opt/sealwright/hooks/job-started.sh\nACTIONS_RUNNER_HOOK_JOB_COMPLETED=/opt/sealwright/hooks/job-completed.sh\n',
  '/opt/actions-runner/.runner': '\ufeff{"agentId":1,"ephemeral": true}',
  '/opt/sealwright/hooks/job-started.sh': { mode: 0o755 },
  '/opt/sealwright/hooks/job-completed.sh': { mode: 0o755 },
  ...Object.fromEntries(
    ['bwrap', 'unshare', 'setpriv', 'nsenter', 'newuidmap', 'newgidmap', 'slirp4netns'].map((name) => [
      `/usr/bin/${name}`,
      { mode: 0o755 },
    ]),
  ),
  '/usr/sbin/ip': { mode: 0o755 },
  '/etc/subuid': 'sealwright-build:200000:65536\n',
  '/etc/subgid': '992:200000:65536\n',
  '/dev/net/tun': { type: 'device', mode: 0o666 },
  '/proc/sys/user/max_user_namespaces': '28633\n',
}

const options = {
  jobUser: 'runner',
  agentUser: 'sealwright-agent',
  socket: '/run/sealwright/agent.sock',
  workerUser: 'sealwright-build',
  workerSocket: '/run/sealwright/worker.sock',
  workerDirectory: '/var/lib/sealwright-build',
  runner: '/opt/actions-runner',
  storage: [],
}
const run = (change: Record<string, Item | null> = {}): Promise<SelfTest> =>
  selfTest(tree({ ...good, ...change }), options)

test('a good machine: every check passes and says why', async () => {
  const { checks, ...claims } = await run()
  expect(checks.filter(({ ok }) => !ok)).toEqual([])
  expect(claims).toEqual({
    agentExclusive: true,
    storageSealed: true,
    ephemeral: true,
    buildSandbox: true,
    buildNetwork: true,
  })
  expect(checks.find(({ name }) => name === 'storage')?.why).toContain(
    '/home/runner: overlay, upper folder on ext4 on dm-crypt with integrity, key of this boot',
  )
  expect(checks.every(({ why, remedy }) => why !== '' && remedy === '')).toBe(true)
})

const group = (name: string, gid: number): Record<string, string> => ({
  '/etc/group': `${String(good['/etc/group'])}${name}:x:${gid}:runner\n`,
})
const workerSocket = '/run/sealwright/worker.sock'
const listenerOf = (change: Partial<Entry>): Record<string, Item> => ({
  [workerSocket]: { type: 'socket', uid: 990, gid: 990, mode: 0o600, ...change },
})
const passwd = (from: string, to: string): Record<string, string> => ({
  '/etc/passwd': String(good['/etc/passwd']).replace(from, to),
})
const replaced = (from: string, to: string): Record<string, string> => ({
  '/proc/self/mountinfo': mounts.replace(from, to),
})

test.each<
  [
    string,
    string,
    'agentExclusive' | 'storageSealed' | 'ephemeral' | 'buildSandbox' | 'buildNetwork',
    Record<string, Item | null>,
  ]
>([
  ['no bubblewrap', 'sandbox-programs', 'buildSandbox', { '/usr/bin/bwrap': null }],
  ['no subordinate ids', 'subordinate-ids', 'buildSandbox', { '/etc/subuid': 'other:100000:65536\n' }],
  [
    'subordinate ids of the job, not of the workers',
    'subordinate-ids',
    'buildSandbox',
    { '/etc/subuid': 'runner:100000:65536\n' },
  ],
  ['too few subordinate ids', 'subordinate-ids', 'buildSandbox', { '/etc/subgid': 'sealwright-build:200000:1000\n' }],
  ['no user namespaces', 'user-namespaces', 'buildSandbox', { '/proc/sys/user/max_user_namespaces': '0\n' }],
  [
    'AppArmor without the profile',
    'user-namespaces',
    'buildSandbox',
    { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' },
  ],
  ['no slirp4netns', 'network-programs', 'buildNetwork', { '/usr/bin/slirp4netns': null }],
  ['no tun device', 'tun', 'buildNetwork', { '/dev/net/tun': null }],
  ['a TPM for all', 'tee-devices', 'agentExclusive', { '/dev/tpmrm0': { type: 'device', mode: 0o666 } }],
  [
    'a TPM for a group of the job',
    'tee-devices',
    'agentExclusive',
    { '/dev/tpmrm0': { type: 'device', gid: 991, mode: 0o660 } },
  ],
  [
    'a guest device that all may read',
    'tee-devices',
    'agentExclusive',
    { '/dev/sev-guest': { type: 'device', mode: 0o644 } },
  ],
  [
    'reports for all',
    'tee-devices',
    'agentExclusive',
    { '/sys/kernel/config/tsm/report': { type: 'directory', mode: 0o777 } },
  ],
  [
    'a register for all',
    'tee-devices',
    'agentExclusive',
    { '/sys/devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384': { mode: 0o666 } },
  ],
  [
    'a TPM behind a link',
    'tee-devices',
    'agentExclusive',
    { '/dev/tpm0': { type: 'link', mode: 0o777, link: '../dev/tpm9' }, '/dev/tpm9': { type: 'device', mode: 0o666 } },
  ],
  ['the group tss', 'groups', 'agentExclusive', { ...group('tss', 110) }],
  ['no user for workers', 'worker-user', 'agentExclusive', passwd('sealwright-build:x:992', 'other:x:992')],
  ['workers as root', 'worker-user', 'agentExclusive', passwd('992:992', '0:992')],
  ['workers as the agent', 'worker-user', 'agentExclusive', passwd('992:992', '990:992')],
  ['workers as the jobs', 'worker-user', 'agentExclusive', passwd('992:992', '1001:992')],
  ['workers in the group of jobs', 'worker-user', 'agentExclusive', passwd('992:992', '992:991')],
  ['no listener of workers', 'worker-socket', 'agentExclusive', { [workerSocket]: null }],
  ['a listener of workers for the group', 'worker-socket', 'agentExclusive', listenerOf({ gid: 991, mode: 0o660 })],
  ['a listener of workers that is theirs', 'worker-socket', 'agentExclusive', listenerOf({ uid: 992 })],
  ['a listener of workers for all', 'worker-socket', 'agentExclusive', listenerOf({ mode: 0o666 })],
  [
    'a listener of workers in a folder of jobs',
    'worker-socket',
    'agentExclusive',
    { '/run/sealwright': { type: 'directory', uid: 1001, mode: 0o755 } },
  ],
  [
    'a folder of workers that all read',
    'worker-folder',
    'agentExclusive',
    { '/var/lib/sealwright-build': { type: 'directory', uid: 992, mode: 0o755 } },
  ],
  [
    'a folder of workers of the agent',
    'worker-folder',
    'agentExclusive',
    { '/var/lib/sealwright-build': { type: 'directory', uid: 990, mode: 0o700 } },
  ],
  [
    'an engine of root for workers',
    'worker-engines',
    'agentExclusive',
    { '/run/docker.sock': { type: 'socket', gid: 992, mode: 0o660 } },
  ],
  [
    'workers in the group docker',
    'worker-engines',
    'agentExclusive',
    { '/etc/group': `${String(good['/etc/group'])}docker:x:120:sealwright-build\n` },
  ],
  ['workers that write to a disk', 'storage', 'storageSealed', replaced('/var/lib/sealwright-build', '/elsewhere')],
  ['the group docker', 'groups', 'agentExclusive', group('docker', 120)],
  [
    'the agent’s group',
    'groups',
    'agentExclusive',
    { '/etc/group': String(good['/etc/group']).replace('sealwright-agent:x:990:', 'sealwright-agent:x:990:runner') },
  ],
  [
    'jobs as root',
    'job-user',
    'agentExclusive',
    { '/etc/passwd': String(good['/etc/passwd']).replace('1001:1001', '0:0') },
  ],
  [
    'jobs as the agent’s user',
    'job-user',
    'agentExclusive',
    { '/etc/passwd': String(good['/etc/passwd']).replace('1001', '990') },
  ],
  ['sudo for the user', 'sudo', 'agentExclusive', { '/etc/sudoers.d/runner': 'runner ALL=(ALL) NOPASSWD: ALL\n' }],
  [
    'sudo for its group',
    'sudo',
    'agentExclusive',
    { '/etc/sudoers.d/x': '%sealwright-job ALL = NOPASSWD: /bin/cat\n' },
  ],
  ['sudo by number', 'sudo', 'agentExclusive', { '/etc/sudoers.d/x': '#1001 ALL=(ALL) ALL\n' }],
  ['sudo for all', 'sudo', 'agentExclusive', { '/etc/sudoers.d/x': 'ALL ALL=(root) /bin/true\n' }],
  [
    'sudo by alias over two lines',
    'sudo',
    'agentExclusive',
    { '/etc/sudoers.d/x': 'User_Alias CI = build, \\\n  runner\nCI ALL=(ALL) ALL\n' },
  ],
  [
    'sudo in an included file',
    'sudo',
    'agentExclusive',
    { '/etc/sudoers.d/x': '#include /etc/more\n', '/etc/more': 'runner,x ALL=(ALL) ALL\n' },
  ],
  ['doas', 'sudo', 'agentExclusive', { '/etc/doas.conf': 'permit nopass :runner\n' }],
  ['docker’s socket', 'container-sockets', 'agentExclusive', { '/run/docker.sock': { type: 'socket', mode: 0o666 } }],
  [
    'podman’s socket by group',
    'container-sockets',
    'agentExclusive',
    { '/run/podman/podman.sock': { type: 'socket', gid: 1001, mode: 0o660 } },
  ],
  [
    'no agent’s user',
    'agent-socket',
    'agentExclusive',
    { '/etc/passwd': 'runner:x:1001:1001::/home/runner:/bin/sh\n' },
  ],
  ['no socket', 'agent-socket', 'agentExclusive', { '/run/sealwright/agent.sock': null }],
  ['a file in place of the socket', 'agent-socket', 'agentExclusive', { '/run/sealwright/agent.sock': 'x' }],
  [
    'a socket of the job’s user',
    'agent-socket',
    'agentExclusive',
    { '/run/sealwright/agent.sock': { type: 'socket', uid: 1001, mode: 0o660 } },
  ],
  [
    'a socket in a folder that all may write',
    'agent-socket',
    'agentExclusive',
    { '/run/sealwright': { type: 'directory', mode: 0o777 } },
  ],
  [
    'a socket that the job cannot reach',
    'agent-socket',
    'agentExclusive',
    { '/run/sealwright/agent.sock': { type: 'socket', uid: 990, mode: 0o600 } },
  ],
  ['ptrace for all', 'ptrace', 'agentExclusive', { '/proc/sys/kernel/yama/ptrace_scope': '0\n' }],
  ['no yama', 'ptrace', 'agentExclusive', { '/proc/sys/kernel/yama/ptrace_scope': null }],
  ['swap on a disk', 'swap', 'storageSealed', { '/proc/swaps': 'x\n/dev/sda2 partition 1 0 -2\n' }],
  ['swap in a file', 'swap', 'storageSealed', { '/proc/swaps': 'x\n/swapfile file 1 0 -2\n' }],
  ['zram that writes back', 'swap', 'storageSealed', { '/sys/block/zram1/backing_dev': '/dev/sda3\n' }],
  ['no list of swap', 'swap', 'storageSealed', { '/proc/swaps': null }],
  ['a workspace on the disk', 'storage', 'storageSealed', replaced('/opt/actions-runner/_work', '/elsewhere')],
  ['/tmp on the disk', 'storage', 'storageSealed', replaced(' / /tmp rw', ' / /tmpx rw')],
  ['dm-crypt without integrity', 'storage', 'storageSealed', { '/sys/block/dm-1/slaves/dm-0': null }],
  ['dm-crypt with a key that is stored', 'storage', 'storageSealed', { '/run/sealwright/sealed-devices': null }],
  [
    'a note of keys that others may write',
    'storage',
    'storageSealed',
    { '/run/sealwright/sealed-devices': { text: 'CRYPT-LUKS2-aaaa-jobs\n', mode: 0o666 } },
  ],
  [
    'a note of keys by the job',
    'storage',
    'storageSealed',
    { '/run/sealwright/sealed-devices': { text: 'CRYPT-LUKS2-aaaa-jobs\n', uid: 1001 } },
  ],
  ['a volume that is not encrypted', 'storage', 'storageSealed', { '/sys/block/dm-1/dm/uuid': 'LVM-x\n' }],
  ['an overlay on the disk', 'storage', 'storageSealed', replaced('upperdir=/srv/jobs/home', 'upperdir=/var/lib/x')],
  ['zram with a backing device', 'storage', 'storageSealed', { '/sys/block/zram0/backing_dev': '/dev/sda3\n' }],
  ['no list of mounts', 'storage', 'storageSealed', { '/proc/self/mountinfo': null }],
  [
    'a handler of crashes',
    'core-dumps',
    'storageSealed',
    { '/proc/sys/kernel/core_pattern': '|/usr/lib/systemd/systemd-coredump %P\n' },
  ],
  ['dumps of privileged programs', 'core-dumps', 'storageSealed', { '/proc/sys/fs/suid_dumpable': '2\n' }],
  ['no hooks', 'hooks', 'ephemeral', { '/opt/actions-runner/.env': '' }],
  ['a hook of the job’s user', 'hooks', 'ephemeral', { '/opt/sealwright/hooks/job-started.sh': { uid: 1001 } }],
  ['a hook that is not there', 'hooks', 'ephemeral', { '/opt/sealwright/hooks/job-completed.sh': null }],
  [
    'a hook in a folder of others',
    'hooks',
    'ephemeral',
    { '/opt/sealwright/hooks': { type: 'directory', mode: 0o775 } },
  ],
  ['a runner for many jobs', 'one-job', 'ephemeral', { '/opt/actions-runner/.runner': '{"ephemeral":false}' }],
])('%s: %s fails, and so does %s', async (_, name, claim, change) => {
  const { checks, ...claims } = await run(change)
  const failed = checks.filter(({ ok }) => !ok)
  expect(failed.map((item) => item.name)).toContain(name)
  expect(claims[claim]).toBe(false)
  expect(failed.every(({ why, remedy }) => why !== '' && remedy !== '')).toBe(true)
})

test('just-in-time configuration and hooks may stand in a unit or its drop-in', async () => {
  const { ephemeral } = await run({
    '/opt/actions-runner/.env': null,
    '/opt/actions-runner/.runner': null,
    '/opt/actions-runner/run.sh': '',
    '/etc/systemd/system/actions-runner.service': 'ExecStart=/opt/actions-runner/run.sh --jitconfig x\n',
    '/etc/systemd/system/actions-runner.service.d/hooks.conf':
      'Environment="ACTIONS_RUNNER_HOOK_JOB_STARTED=/opt/sealwright/hooks/job-started.sh" ACTIONS_RUNNER_HOOK_JOB_COMPLETED=/opt/sealwright/hooks/job-completed.sh\n',
  })
  expect(ephemeral).toBe(true)
})

test('a user that is not there is no machine to test', async () => {
  await expect(selfTest(tree(good), { ...options, jobUser: 'nobody-here' })).rejects.toMatchObject({
    code: 'not-found',
  })
})

test('the command reads a tree of files, names what fails, and is refused', async () => {
  const folder = scratch('tree')
  for (const [path, item] of Object.entries(good)) {
    if (typeof item !== 'string') continue
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), item)
  }
  mkdirSync(join(folder, 'dev'), { recursive: true })
  writeFileSync(join(folder, 'dev/tpmrm0'), '')
  chmodSync(join(folder, 'dev/tpmrm0'), 0o666)
  chmodSync(folder, 0o755)
  expect(await fileTree(folder).list('/etc')).toEqual([
    ...['group', 'passwd', 'subgid', 'subuid', 'sudoers', 'sudoers.d'],
  ])
  const given: Record<string, string> = {
    'job-user': 'runner',
    'agent-user': 'sealwright-agent',
    'worker-user': 'sealwright-build',
    'worker-socket': workerSocket,
    'worker-directory': '/var/lib/sealwright-build',
    runner: '/opt/actions-runner',
    root: folder,
  }
  const inputs = rawInputs({
    given: (name) => given[name],
    defaults: {},
    ports: testPorts(),
    confine: null,
    label: (name) => name,
  })
  const { outputs, text, refused } = await runnerSelfTest(inputs)
  expect(refused).toBe(true)
  expect(outputs['agent-exclusive']).toBe(false)
  expect(outputs['storage-sealed']).toBe(true)
  expect(text).toContain('FAIL  tee-devices        runner can open /dev/tpmrm0')
  expect(text).toContain('storage sealed: true')
})

describe('a tree that is not booted', () => {
  const boot = (path: string): boolean => /^\/(proc|sys|dev|run)\//.test(path) || path === '/var/lib/sealwright-build'
  const files = Object.fromEntries(Object.entries(good).filter(([path]) => !boot(path)))
  const runTree = (change: Record<string, Item | null> = {}): Promise<SelfTest> =>
    selfTest(tree({ ...files, ...change }), { ...options, booted: false })

  test('leaves to the booted machine what only a boot shows, and claims none of it', async () => {
    const { checks, ...claims } = await runTree()
    expect(checks.filter(({ ok, later }) => !ok && !later)).toEqual([])
    expect(checks.filter(({ later }) => later).map(({ name }) => name)).toEqual([
      ...['tee-devices', 'container-sockets', 'agent-socket', 'ptrace', 'worker-socket', 'worker-folder'],
      ...['worker-engines', 'storage', 'swap', 'core-dumps', 'user-namespaces', 'tun'],
    ])
    expect(claims).toEqual({
      ...{ agentExclusive: 'later', storageSealed: 'later', ephemeral: true },
      ...{ buildSandbox: 'later', buildNetwork: 'later' },
    })
    // The same files as a machine that runs.
    expect((await selfTest(tree(files), options)).agentExclusive).toBe(false)
  })

  test.each<[string, string, 'agentExclusive' | 'ephemeral' | 'buildSandbox', Record<string, Item | null>]>([
    ['a device that all may open', 'tee-devices', 'agentExclusive', { '/dev/tpm0': { type: 'device', mode: 0o666 } }],
    ['a rule of sudo', 'sudo', 'agentExclusive', { '/etc/sudoers.d/x': 'runner ALL=(ALL) ALL\n' }],
    [
      'workers in the group docker',
      'worker-engines',
      'agentExclusive',
      { '/etc/group': `${String(good['/etc/group'])}docker:x:120:sealwright-build\n` },
    ],
    [
      'no user for the agent',
      'agent-socket',
      'agentExclusive',
      { '/etc/passwd': String(good['/etc/passwd']).replace('sealwright-agent:', 'other:') },
    ],
    ['no bubblewrap', 'sandbox-programs', 'buildSandbox', { '/usr/bin/bwrap': null }],
    ['no hooks', 'hooks', 'ephemeral', { '/opt/actions-runner/.env': '' }],
  ])('fails for what the tree shows: %s', async (_title, name, claim, change) => {
    const { checks, ...claims } = await runTree(change)
    expect(checks.find((item) => item.name === name)).toMatchObject({ ok: false, later: false })
    expect(claims[claim]).toBe(false)
  })

  test('says that there is no runner, whatever the units say', async () => {
    const none = Object.fromEntries(
      Object.keys(files)
        .filter((path) => path.startsWith('/opt/actions-runner/'))
        .map((path) => [path, null]),
    )
    const { checks, ephemeral } = await runTree({
      ...none,
      '/etc/systemd/system/actions-runner.service':
        'ExecStart=/opt/actions-runner/run.sh --jitconfig x\nEnvironment=ACTIONS_RUNNER_HOOK_JOB_STARTED=/opt/sealwright/hooks/job-started.sh\nEnvironment=ACTIONS_RUNNER_HOOK_JOB_COMPLETED=/opt/sealwright/hooks/job-completed.sh\n',
    })
    expect(ephemeral).toBe(false)
    for (const name of ['hooks', 'one-job'])
      expect(checks.find((item) => item.name === name)).toMatchObject({
        ok: false,
        why: 'there is no runner in /opt/actions-runner',
        remedy: expect.stringContaining('--runner') as string,
      })
  })
})

test('every file of examples/ that a remedy names is there', () => {
  const folder = join(root, 'src')
  const named = new Set(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => [...readFileSync(join(folder, path), 'utf8').matchAll(/\bexamples\/[\w./@-]*[\w@]/g)])
      .map(([path]) => path),
  )
  expect(named.size).toBeGreaterThan(5)
  expect([...named].filter((path) => !existsSync(join(root, path)))).toEqual([])
})
