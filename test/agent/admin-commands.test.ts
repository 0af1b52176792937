import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionContext, RawInputs } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { Supervisor } from '../../src/agent/machine/supervisor.ts'
import { selfTest } from '../../src/agent/self-test/run.ts'
import { fileTree } from '../../src/agent/self-test/tree.ts'
import { openState } from '../../src/agent/state.ts'
import { jobCompleted, jobStarted } from '../../src/cli/runner/job-hooks.ts'
import { kbsGet } from '../../src/cli/runner/kbs-get.ts'
import { runnerCommands } from '../../src/cli/runner/entries.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin } from '../../src/kbs/client.ts'
import { resourcePolicy } from '../../src/kbs/rego/resource-policy.ts'
import { sampleReferenceValues } from '../../src/kbs/rego/sample-policy.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { agentEntry } from '../../testkit/agent.ts'
import { startIssuer, type Issuer } from '../../testkit/oidc.ts'
import { certificateFor, startProxy } from '../../testkit/tls.ts'
import { root } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { defaultChoice } from '../../src/tee/choice.ts'

function command(
  name: string,
  given: Record<string, string>,
  env: Record<string, string> = {},
): { inputs: RawInputs; context: ActionContext } {
  const made = testPorts()
  const ports = { ...made, env: { ...made.env, ...env, SEALWRIGHT_AGENT_ENTRY: agentEntry } }
  const defaults = Object.fromEntries((runnerCommands[name]?.inputs ?? []).map((item) => [item.name, item.default]))
  const inputs = rawInputs({
    given: (item) => given[item],
    defaults,
    ports,
    confine: null,
    label: (item) => `--${item}`,
  })
  return { inputs, context: { ports, state: openState(join(ports.roots.temp, 'state'), ports) } }
}

describe('kbs get', () => {
  test('a resource for an attested machine goes to a private file; a denied one to nobody', async () => {
    const ports = testPorts()
    const directory = scratch('kbs')
    const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
    const admin = kbsAdmin(
      kbs.url,
      adminToken(readFileSync(join(directory, 'admin-key.pem'), 'utf8'), ports.clock),
      ports,
    )
    await admin.setResource(['runners', 'jit', 'one'], Buffer.from('eyJ9'), null)
    await admin.setResource(['runners', 'jit', 'two'], Buffer.from('other'), null)
    const rule = {
      uri: 'kbs:///runners/jit/one',
      admit: [{ technology: 'sample' as const, measurements: ['abcde'], initdata: [] }],
      job: null,
    }
    await admin.setResourcePolicy(writeRego(resourcePolicy([rule])))
    for (const [id, value] of Object.entries(sampleReferenceValues)) await admin.setReferenceValue(id, value)

    const output = join(scratch(), 'jit')
    const given = { 'kbs-url': kbs.url, resource: 'kbs:///runners/jit/one', technology: 'sample', output }
    const one = command('kbs get', given)
    expect((await kbsGet(one.inputs, one.context)).outputs).toMatchObject({ size: '4', path: output })
    expect(readFileSync(output, 'utf8')).toBe('eyJ9')
    expect(statSync(output).mode & 0o777).toBe(0o600)
    // No job's agent was started: a job still finds an unused boot.
    expect(existsSync(one.context.state.directory)).toBe(false)
    await expect(kbsGet(one.inputs, one.context)).rejects.toMatchObject({ code: 'exists' })

    const two = command('kbs get', { ...given, resource: 'kbs:///runners/jit/two', output: `${output}2` })
    await expect(kbsGet(two.inputs, two.context)).rejects.toMatchObject({ code: 'denied' })
    expect(existsSync(`${output}2`)).toBe(false)
    const none = command('kbs get', { ...given, technology: 'auto' })
    await expect(kbsGet(none.inputs, none.context)).rejects.toMatchObject({ code: 'technology-refused' })
    const bad = command('kbs get', { ...given, resource: 'runners/jit/one' })
    await expect(kbsGet(bad.inputs, bad.context)).rejects.toMatchObject({ code: 'input-invalid' })
    await kbs.close()
  })
})

describe('hooks of the runner', () => {
  // The machine's agent asks by https, and no address of its own machine: its own environment leads it there, as its unit would.
  let issuer: Issuer
  let proxy: Awaited<ReturnType<typeof startProxy>>
  let certificate: ReturnType<typeof certificateFor>
  let supervisor: Supervisor
  let socket: string
  beforeAll(async () => {
    certificate = certificateFor('issuer.example')
    proxy = await startProxy()
    issuer = await startIssuer(undefined, { name: 'issuer.example', ...certificate })
  })
  afterAll(async () => {
    await issuer.close()
    await proxy.close()
  })
  beforeEach(async () => {
    const folder = scratch('m')
    const ports = testPorts()
    socket = join(folder, 'agent.sock')
    mkdirSync(join(folder, 'jobs'))
    supervisor = await Supervisor.start(
      {
        entry: agentEntry,
        listen: { path: socket, mode: 0o660 },
        sockets: join(folder, 'jobs'),
        directory: join(folder, 'state'),
        technology: 'sample',
        tee: defaultChoice,
        workers: '',
        source: 'download',
        lifetime: 600,
      },
      { ...ports, env: { ...ports.env, https_proxy: proxy.url, NODE_EXTRA_CA_CERTS: certificate.path } },
    )
  })
  afterEach(() => supervisor.close())

  const environment = (run = '1001'): Record<string, string> => {
    const file = join(scratch(), 'env')
    writeFileSync(file, '')
    return { ...issuer.env(), GITHUB_RUN_ID: run, GITHUB_RUN_ATTEMPT: '1', GITHUB_ENV: file }
  }
  const started = (given: Record<string, string> = {}, env = environment()) =>
    command('runner job-started', { 'agent-socket': socket, 'require-attested': 'false', ...given }, env)

  test('attests, ties run and attempt, exports the paths; the completed hook ends the agent and wipes', async () => {
    const env = environment()
    const { inputs, context } = started({}, env)
    const { outputs, text } = await jobStarted(inputs, context)
    expect(outputs).toMatchObject({ tee: 'sample', run: '1001-1' })
    expect(text).toContain('of run 1001, attempt 1')
    const exported = readFileSync(env['GITHUB_ENV'] ?? '', 'utf8')
    for (const name of ['SEALWRIGHT_STATE', 'SEALWRIGHT_EVIDENCE', 'SEALWRIGHT_AGENT_SOCKET'])
      expect(exported).toContain(`${name}<<`)
    expect(proxy.asked.length).toBeGreaterThan(0)
    const agent = await context.state.agent()
    const pid = (await agent?.status())?.pid ?? 0
    expect(existsSync(`/proc/${pid}`)).toBe(true)
    const done = await jobCompleted(inputs, context)
    expect(done.outputs).toMatchObject({ stopped: 'true' })
    expect(existsSync(context.state.directory)).toBe(false)
    while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 20))
    // A job that removed its own state: nothing to end, nothing that fails.
    expect((await jobCompleted(inputs, context)).outputs).toMatchObject({ stopped: 'false' })

    // The next job of this boot is refused before its first step.
    const next = started()
    await expect(jobStarted(next.inputs, next.context)).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringContaining('job 2') as string,
    })
    await jobCompleted(next.inputs, next.context)
    const allowed = started({ 'max-jobs': '3' })
    await jobStarted(allowed.inputs, allowed.context)
    await jobCompleted(allowed.inputs, allowed.context)
  }, 60_000)

  test.each<[string, Record<string, string>, () => Record<string, string>, string]>([
    ['no verdict that vouches', { 'require-attested': 'true' }, () => environment(), 'machine-only'],
    ['another run in the token', {}, () => environment('1002'), 'token-invalid'],
    ['another attempt', {}, () => ({ ...environment(), GITHUB_RUN_ATTEMPT: '2' }), 'token-invalid'],
    ['no runner around it', {}, () => ({}), 'input-missing'],
    ['no agent of the machine', { 'agent-socket': '/nowhere/x.sock' }, () => environment(), 'no-agent'],
  ])('%s fails the job', async (_, given, env, code) => {
    const { inputs, context } = started(given, env())
    await expect(jobStarted(inputs, context)).rejects.toMatchObject({ code })
    await jobCompleted(inputs, context)
  })
})

describe('scripts of examples/runner', () => {
  const folder = join(root, 'examples/runner')
  const stub = (code: number): Record<string, string> => {
    const bin = scratch('bin')
    writeFileSync(join(bin, 'sealwright'), `#!/bin/sh\necho "$@" >> ${bin}/log\nexit ${code}\n`, { mode: 0o755 })
    return { SEALWRIGHT: join(bin, 'sealwright'), LOG: join(bin, 'log') }
  }
  const run = (script: string, env: Record<string, string>): number | null =>
    spawnSync('/bin/bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', join(folder, script)], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: 'ignore',
    }).status

  test.each(['hooks/job-started.sh', 'hooks/job-completed.sh'])(
    '%s passes what the command says on to the runner',
    (script) => {
      const settings = join(scratch(), 'settings')
      writeFileSync(settings, 'SEALWRIGHT_OPTIONS="--verifier local"\n')
      const good = stub(0)
      expect(run(script, { ...good, SEALWRIGHT_SETTINGS: settings })).toBe(0)
      expect(readFileSync(good['LOG'] ?? '', 'utf8')).toContain(
        script.includes('started') ? 'runner job-started --verifier local' : 'runner job-completed',
      )
      // What fails, or is not there, fails the job.
      expect(run(script, { ...stub(1), SEALWRIGHT_SETTINGS: settings })).not.toBe(0)
      expect(run(script, { SEALWRIGHT: '/nowhere/sealwright', SEALWRIGHT_SETTINGS: settings })).not.toBe(0)
      expect(run(script, { ...good, SEALWRIGHT_SETTINGS: '/nowhere/settings' })).not.toBe(0)
    },
  )

  test('no file of the job’s working directory becomes an option of the job-started hook', () => {
    const settings = join(scratch(), 'settings')
    writeFileSync(settings, 'SEALWRIGHT_OPTIONS="--collateral pack*.json"\n')
    const good = stub(0)
    expect(run('hooks/job-started.sh', { ...good, SEALWRIGHT_SETTINGS: settings })).toBe(0)
    expect(readFileSync(good['LOG'] ?? '', 'utf8')).toContain('runner job-started --collateral pack*.json')
  })

  test('install.sh fills a tree whose hooks, socket path and one-job rule the self-test finds', async () => {
    const tree = scratch('image')
    mkdirSync(join(tree, 'etc'))
    writeFileSync(
      join(tree, 'etc/passwd'),
      'runner:x:1001:1001::/home/runner:/bin/bash\nsealwright-agent:x:990:990::/:/bin/false\n',
    )
    writeFileSync(join(tree, 'etc/group'), 'runner:x:1001:\nsealwright-job:x:991:runner\n')
    const dist = scratch('dist')
    mkdirSync(join(dist, 'cli'))
    writeFileSync(join(dist, 'cli/index.js'), '')
    const install = (...args: string[]): [number | null, string] => {
      const done = spawnSync('/bin/sh', [join(folder, 'install.sh'), ...args])
      return [done.status, done.stderr.toString()]
    }
    expect(install()).toEqual([2, expect.stringContaining('Usage: install.sh ROOT NODE DIST')])
    expect(install(tree, process.execPath, dist)).toEqual([0, ''])
    const mounts = readFileSync(join(tree, 'etc/fstab'), 'utf8')
    appendFileSync(join(tree, 'etc/sealwright/runner.conf'), 'KBS_URL=https://kbs.own.example\n')
    expect(install(tree, process.execPath, dist)).toEqual([0, ''])
    expect(readFileSync(join(tree, 'etc/fstab'), 'utf8')).toBe(mounts)
    expect(readFileSync(join(tree, 'etc/sealwright/runner.conf'), 'utf8')).toContain('kbs.own.example')
    // What the units name as their documentation is there.
    expect(existsSync(join(tree, 'opt/sealwright/docs/runner-admin.md'))).toBe(true)
    const options = {
      jobUser: 'runner',
      agentUser: 'sealwright-agent',
      socket: '/run/sealwright/agent.sock',
      workerUser: 'sealwright-build',
      workerSocket: '/run/sealwright/worker.sock',
      workerDirectory: '/var/lib/sealwright-build',
      runner: '/opt/actions-runner',
      storage: [],
      booted: false,
    }
    const before = await selfTest(fileTree(tree), options)
    expect(before.checks.find(({ name }) => name === 'hooks')?.why).toContain('there is no runner in')
    mkdirSync(join(tree, 'opt/actions-runner'), { recursive: true })
    writeFileSync(join(tree, 'opt/actions-runner/run.sh'), '')
    const { checks } = await selfTest(fileTree(tree), options)
    const good = checks.filter(({ ok }) => ok).map(({ name }) => name)
    // Files of who runs this test are root's only where that is root.
    const hooks = process.getuid?.() === 0 ? ['hooks'] : []
    expect(good).toEqual(['job-user', 'groups', 'sudo', ...hooks, 'one-job', 'subordinate-ids'])
    // This tree has no user for workers and no programs: that no boot mends.
    expect(checks.filter(({ ok, later }) => !ok && !later).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['worker-user', 'sandbox-programs']) as string[],
    )
    for (const name of ['agent-socket', 'storage', 'swap', 'ptrace'])
      expect(checks.find((item) => item.name === name)?.later).toBe(true)
    // The rest needs a machine that runs: sockets, mounts, kernel settings. The files for them are there.
    const sysctl = readFileSync(join(tree, 'etc/sysctl.d/60-sealwright.conf'), 'utf8')
    for (const line of ['kernel.yama.ptrace_scope = 2', 'kernel.core_pattern = |/bin/false', 'fs.suid_dumpable = 0'])
      expect(sysctl).toContain(line)
    const fstab = readFileSync(join(tree, 'etc/fstab'), 'utf8')
    for (const place of [
      '/tmp',
      '/var/tmp',
      '/home/runner',
      '/opt/actions-runner/_work',
      '/var/lib/containers',
      '/var/lib/docker',
      '/var/log',
    ])
      expect(fstab).toMatch(new RegExp(`^tmpfs ${place}\\s+tmpfs `, 'm'))
    const ids = spawnSync('/bin/sh', ['-c', `. ${tree}/etc/sealwright/runner.conf; echo $JIT_RESOURCE`])
    expect(ids.stdout.toString()).toBe('kbs:///runners/jit/pool-1\n')
  })

  test('fetch-jitconfig.sh writes an environment of one line, and nothing for what is none', () => {
    const bin = scratch('bin')
    const settings = join(bin, 'settings')
    const out = join(bin, 'run')
    writeFileSync(settings, `SEALWRIGHT=${bin}/sealwright\nKBS_URL=https://kbs.example\nJIT_RESOURCE=kbs:///a/b/c\n`)
    const fetch = (answer: string, code = 0): number | null => {
      writeFileSync(
        join(bin, 'sealwright'),
        `#!/bin/sh\necho "$@" > ${bin}/log\nwhile [ "$1" != --output ]; do shift; done\n[ ${code} = 0 ] && printf '%s' '${answer}' > "$2"\nexit ${code}\n`,
        { mode: 0o755 },
      )
      return run('fetch-jitconfig.sh', { SEALWRIGHT_SETTINGS: settings, JIT_FOLDER: out })
    }
    expect(fetch('eyJhIjoiYiJ9')).toBe(0)
    expect(readFileSync(join(out, 'jit.env'), 'utf8')).toBe('ACTIONS_RUNNER_INPUT_JITCONFIG=eyJhIjoiYiJ9\n')
    expect(statSync(join(out, 'jit.env')).mode & 0o777).toBe(0o600)
    expect(existsSync(join(out, 'jit'))).toBe(false)
    expect(readFileSync(join(bin, 'log'), 'utf8')).toContain(
      'kbs get --kbs-url https://kbs.example --resource kbs:///a/b/c --technology auto',
    )
    for (const [answer, code] of [
      ['', 0],
      ['no base64!', 0],
      ['YQ==\nLD_PRELOAD=/tmp/x', 0],
      ['eyJhIjoiYiJ9', 1],
    ] as const) {
      expect(fetch(answer, code)).not.toBe(0)
      expect([answer, existsSync(join(out, 'jit.env')), existsSync(join(out, 'jit'))]).toEqual([answer, false, false])
    }
  })

  test('every script is one that the shell can read', () => {
    for (const script of [
      'hooks/job-started.sh',
      'hooks/job-completed.sh',
      'fetch-jitconfig.sh',
      'sealed-storage.sh',
      'install.sh',
      'tee-access.sh',
    ])
      expect([script, spawnSync('/bin/sh', ['-n', join(folder, script)]).status]).toEqual([script, 0])
  })
})
