import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machineClient } from '../../src/agent/machine/client.ts'
import { countJob, jobsOfBoot } from '../../src/agent/machine/boot-count.ts'
import { Supervisor, type MachineOptions } from '../../src/agent/machine/supervisor.ts'
import { spawnAgent, type RunningAgent } from '../../src/agent/spawn.ts'
import { parentWatch, startTime } from '../../src/agent/start-message.ts'
import type { Ports } from '../../src/base/ports.ts'
import { parseBinding } from '../../src/journal/binding.ts'
import type { Gate } from '../../src/verify/candidate.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { machineSteps } from '../../src/verify/checks/machine.ts'
import { agentEntry } from '../../testkit/agent.ts'
import { endProcess } from '../../testkit/end-process.ts'
import { openReportOf } from '../../testkit/task-agent.ts'
import { peer, root, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { defaultChoice } from '../../src/tee/choice.ts'

const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()

const open: Supervisor[] = []
const units: ChildProcess[] = []
afterEach(async () => {
  for (const unit of units.splice(0)) await endProcess(unit)
  for (const supervisor of open.splice(0)) await supervisor.close()
})

/** A machine's agent with everything in one folder, as its unit would start it. */
async function machine(change: Partial<MachineOptions> = {}, ports: Ports = testPorts()) {
  const folder = scratch('m')
  const sockets = join(folder, 'jobs')
  mkdirSync(sockets, { mode: 0o2750 })
  const socket = join(folder, 'agent.sock')
  const supervisor = await Supervisor.start(
    {
      entry: agentEntry,
      listen: { path: socket, mode: 0o660 },
      sockets,
      directory: join(folder, 'state'),
      technology: 'sample',
      tee: defaultChoice,
      workers: '',
      source: 'image',
      lifetime: 600,
      ...change,
    },
    ports,
  )
  open.push(supervisor)
  return { supervisor, socket, sockets, folder, ports }
}

function job(
  socket: string,
  run: string,
  technology: 'auto' | 'snp' = 'auto',
  directory = scratch('job'),
): Promise<RunningAgent> {
  const made = testPorts()
  const ports = { ...made, env: { ...made.env, GITHUB_RUN_ID: run, GITHUB_TOKEN: 'secret', HOME: '/h' } }
  return spawnAgent({ entry: '/none', directory, technology, nonce: '', lifetime: 900, machineSocket: socket }, ports)
}

async function bootOf(running: RunningAgent): Promise<ReturnType<typeof parseBinding>> {
  return parseBinding((await openReportOf(running.client)).binding, 'binding')
}

const gone = async (pid: number): Promise<void> => {
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** The gate's step on jobs of a boot, for hardware. */
async function gateSays(running: RunningAgent): Promise<string> {
  const binding = await bootOf(running)
  const covers = ['firmware', 'kernel', 'initrd', 'cmdline', 'rootfs', 'runner', 'agent']
  const measurement = { values: { measurement: 'aabb' }, covers, storage: 'sealed', level: 'agent-exclusive' }
  const at = {
    issuer: 'https://i.example',
    jwks: { keys: [{}] },
    'repository-id': '1',
    workflow: 'w',
    refs: ['r'],
    events: ['e'],
  }
  const text = JSON.stringify({ version: 1, technology: 'snp', job: at, measurements: [measurement] })
  const verdict = {
    technology: 'snp',
    status: 'verified',
    facts: {},
    measured: { measurement: 'aabb' },
    register: null,
    checks: [],
    machine: 'm',
  }
  const gate = {
    policy: await parsePolicy(text, '/policy.yml'),
    at: new Date(),
    evidence: { index: { technology: 'snp' }, manifest: 'sha256:00', open: { binding }, seals: [{ binding }] },
    found: { tee: [verdict, verdict] },
  } as unknown as Gate
  const step = machineSteps.find(({ id }) => id === 'machine.jobs')
  if (step === undefined) throw new Error('there is no step of the boot')
  return (await step.run(gate)).status
}

test('a job gets an agent of its own under the machine, counted; the next one in the same boot is refused by the gate', async () => {
  const { supervisor, socket, sockets, folder, ports } = await machine()
  const directory = scratch('job')
  const first = await job(socket, '1', 'auto', directory)
  expect(first.reused).toBe(false)
  const binding = await bootOf(first)
  expect(binding.boot).toEqual({ id: boot, jobs: 1 })
  expect(binding.agent.source).toBe('image')
  expect(binding.job.claims['run_id']).toBe('1')
  expect(await gateSays(first)).toBe('passed')
  // The job sees where its agent is, and nothing of what the agent keeps.
  const note = JSON.parse(readFileSync(join(directory, 'agent.json'), 'utf8')) as { socket: string }
  expect(note.socket).toBe(join(sockets, 'job-1.sock'))
  expect(statSync(note.socket).mode & 0o777).toBe(0o660)
  expect(existsSync(join(directory, 'journal.jsonl'))).toBe(false)
  expect(statSync(join(folder, 'state/jobs/1')).mode & 0o777).toBe(0o700)
  const environment = readFileSync(`/proc/${first.status.pid}/environ`, 'latin1')
  expect(environment).not.toContain('secret')

  // The job's later steps find it again, other jobs do not get one beside it.
  expect((await job(socket, '1', 'auto', directory)).status.keyId).toBe(first.status.keyId)
  const again = await job(socket, '1')
  expect([again.reused, again.status.keyId]).toEqual([true, first.status.keyId])
  await expect(job(socket, '2')).rejects.toMatchObject({ code: 'state-conflict' })
  expect(await machineClient(socket, ports).status()).toMatchObject({ jobs: 1, bootId: boot })

  await first.client.stop()
  await gone(first.status.pid)
  const second = await job(socket, '2')
  expect((await bootOf(second)).boot.jobs).toBe(2)
  expect(await gateSays(second)).toBe('failed')
  await second.client.stop()
  await gone(second.status.pid)
  await supervisor.close()
  await expect(machineClient(socket, ports).status()).rejects.toMatchObject({ exitCode: 3 })
})

test('the count outlives the machine’s agent, and a damaged one is no zero', async () => {
  const first = await machine()
  const running = await job(first.socket, '1')
  await first.supervisor.close()
  await gone(running.status.pid)
  const second = await machine({ directory: join(first.folder, 'state') })
  const next = await job(second.socket, '1')
  expect((await bootOf(next)).boot.jobs).toBe(2)
  await second.supervisor.close()

  const directory = scratch('count')
  expect(await countJob(directory, boot)).toBe(1)
  expect(await countJob(directory, boot)).toBe(2)
  expect(await countJob(directory, boot, 7)).toBe(8)
  const other = `${boot.slice(0, -1)}${boot.endsWith('0') ? '1' : '0'}`
  expect(await jobsOfBoot(directory, other)).toBe(0)
  expect(await countJob(directory, other)).toBe(1)
  await expect(countJob(directory, 'unknown')).rejects.toMatchObject({ code: 'evidence-invalid' })
  for (const text of ['', '{}', '{"boot":"x","jobs":0}', `{"boot":"${boot}","jobs":-1}`]) {
    writeFileSync(join(directory, 'boot.json'), text)
    await expect(countJob(directory, boot)).rejects.toMatchObject({ code: 'state-conflict' })
  }
  await expect(machine({ directory })).rejects.toMatchObject({ code: 'state-conflict' })
})

test('an agent that did not start counts all the same, and says why', async () => {
  const { supervisor, socket, ports } = await machine({ technology: 'snp' })
  await expect(job(socket, '1')).rejects.toMatchObject({ code: 'technology-refused' })
  expect((await machineClient(socket, ports).status()).jobs).toBe(1)
  await supervisor.close()
})

test('technology and TPM are the admin’s: a job that names another is refused', async () => {
  const { supervisor, socket } = await machine()
  await expect(job(socket, '1', 'snp')).rejects.toMatchObject({ code: 'state-conflict' })
  const ports = testPorts()
  const options = { entry: '', directory: scratch('job'), technology: 'auto' as const, nonce: '', lifetime: 60 }
  await expect(
    spawnAgent({ ...options, tee: { tpmDevice: '/dev/tpm9' }, machineSocket: socket }, ports),
  ).rejects.toMatchObject({
    code: 'input-invalid',
  })
  await supervisor.close()
})

test('it ends with the worker that the job names, and a worker that is not there is refused', async () => {
  const { supervisor, socket, ports } = await machine()
  const worker = spawn('sleep', ['600'])
  await once(worker, 'spawn')
  const pid = worker.pid ?? 0
  const request = { nonce: '', lifetime: 900, run: `sha256:${'0'.repeat(64)}` as const, environment: {} }
  const client = machineClient(socket, ports)
  await expect(client.start({ ...request, watch: { pid, start: '1' } })).rejects.toMatchObject({
    code: 'evidence-invalid',
  })
  const { file } = await client.start({ ...request, watch: { pid, start: (await startTime(pid, ports)) ?? '' } })
  worker.kill()
  await gone(file.pid)
  expect(existsSync(file.socket)).toBe(false)
  await supervisor.close()
}, 30_000)

test('what a job may hand in has a form', async () => {
  const { supervisor, socket, ports } = await machine()
  const ask = async (body: unknown, operation = 'start'): Promise<number> =>
    (
      await ports.http.request(`http://machine/v1/${operation}`, {
        method: 'POST',
        body: JSON.stringify(body),
        socketPath: socket,
      })
    ).status
  const good = { nonce: '', lifetime: 60, run: `sha256:${'0'.repeat(64)}`, watch: null, environment: {} }
  for (const bad of [
    { ...good, machine: { jobs: 1, socket: '/x', source: 'image' } },
    { ...good, technology: 'sample' },
    { ...good, entry: '/bin/sh' },
    { ...good, directory: '/etc' },
    { ...good, environment: { NODE_OPTIONS: '--require /tmp/x' } },
    { ...good, environment: { LD_PRELOAD: '/tmp/x' } },
    { ...good, environment: { HTTPS_PROXY: 'http://127.0.0.1:1' } },
    { ...good, environment: { no_proxy: '*' } },
    { ...good, environment: { GITHUB_X: 'y'.repeat(9000) } },
    { ...good, lifetime: 0 },
    [],
  ]) {
    expect(await ask(bad)).toBe(400)
  }
  expect(await ask({}, 'count')).toBe(400)
  expect((await machineClient(socket, ports).status()).jobs).toBe(0)
  await supervisor.close()
})

/** Other users can be tried by root alone. */
function asUsers(title: string, fn: () => Promise<void>): void {
  if (process.getuid?.() === 0) withPeers(['setpriv', 'systemd-socket-activate'], title, fn, 180_000)
  else test.skip(`skipped: not root here: ${title}`, () => {})
}

asUsers('a user outside of the group cannot open the sockets; one inside can', async () => {
  const group = 54_321
  const { supervisor, socket, sockets, folder } = await machine()
  chownSync(folder, 0, group)
  chmodSync(folder, 0o710)
  chownSync(socket, 0, group)
  chownSync(sockets, 0, group)
  chmodSync(sockets, 0o2750)
  const running = await job(socket, '1')
  const note = join(sockets, 'job-1.sock')
  expect(statSync(note).gid).toBe(group)
  const program = `const s=require('net').connect(process.argv[1],()=>{console.log('open');s.destroy()});s.on('error',(e)=>console.log(e.code))`
  const as = (gid: number, path: string): string =>
    execFileSync(
      'setpriv',
      ['--reuid=65534', `--regid=${gid}`, '--clear-groups', process.execPath, '-e', program, path],
      {
        cwd: '/',
        timeout: 20_000,
      },
    )
      .toString()
      .trim()
  for (const path of [socket, note]) {
    expect(as(group, path)).toBe('open')
    expect(as(65_534, path)).toBe('EACCES')
  }
  await running.client.stop()
  await supervisor.close()
})

asUsers('as its unit starts it: systemd opens the socket, agent and job are users of their own', async () => {
  const folder = scratch('unit')
  const [agent, jobs, group] = [54_301, 54_302, 54_303]
  const make = (name: string, mode: number, uid: number, gid: number): string => {
    const path = join(folder, name)
    mkdirSync(path)
    chownSync(path, uid, gid)
    chmodSync(path, mode)
    return path
  }
  chmodSync(folder, 0o755)
  const sockets = make('jobs', 0o2750, agent, group)
  const directory = make('state', 0o700, agent, agent)
  const socket = join(folder, 'agent.sock')
  const program = [process.execPath, join(root, 'bench/from-sources.ts')]
  const user = (uid: number, groups: string): string[] => ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, groups]
  const options = [
    '--technology',
    'sample',
    '--source',
    'image',
    '--socket',
    socket,
    '--sockets',
    sockets,
    '--directory',
    directory,
  ]
  const activate = [
    '-E',
    'PATH',
    '-l',
    socket,
    ...user(agent, '--clear-groups'),
    ...program,
    'agent',
    'serve',
    ...options,
  ]
  const unit = spawn(peer('systemd-socket-activate'), activate, { stdio: 'ignore', cwd: '/' })
  units.push(unit)
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 50))
  chownSync(socket, 0, group)
  chmodSync(socket, 0o660)
  const state = make('job', 0o700, jobs, jobs)
  const as = (groups: string, run: string, ...args: string[]): { status: number | null; stdout: string } => {
    const [command = '', ...rest] = [...user(jobs, groups), ...args]
    const env = { PATH: process.env['PATH'], GITHUB_RUN_ID: run, GITHUB_RUN_ATTEMPT: '1', HOME: state }
    const { status, stdout } = spawnSync(command, rest, { cwd: '/', env, timeout: 60_000 })
    return { status, stdout: stdout.toString() }
  }
  const setup = (groups: string, run: string): ReturnType<typeof as> =>
    as(groups, run, ...program, 'setup-cvm-runner', '--agent-socket', socket, '--state', join(state, run), '--json')
  const inside = `--groups=${group}`

  expect(setup(inside, '1').status).toBe(0)
  const { binding } = JSON.parse(readFileSync(join(state, '1/evidence.json'), 'utf8')) as {
    binding: { boot: object; agent: object }
  }
  expect(binding.boot).toEqual({ id: boot, jobs: 1 })
  const { pid } = JSON.parse(readFileSync(join(state, '1/agent.json'), 'utf8')) as { pid: number }
  // The job can neither look into its agent, nor end it but by asking, nor see what it keeps.
  for (const path of [`/proc/${pid}/environ`, `/proc/${pid}/mem`, join(directory, 'boot.json')])
    expect([path, as(inside, '1', 'head', '-c', '1', path).status]).toEqual([path, 1])
  expect(as(inside, '1', 'kill', String(pid)).status).not.toBe(0)
  expect(as(inside, '1', 'rm', '-f', socket).status).not.toBe(0)
  expect(as(inside, '1', ...program, 'agent', 'stop', '--state', join(state, '1')).stdout).toBe('agent stopped\n')
  expect(existsSync(join(state, '1/agent.json'))).toBe(false)
  const outside = setup('--clear-groups', '2')
  expect([outside.status, JSON.parse(outside.stdout)]).toMatchObject([
    3,
    { error: { code: 'agent-error', subject: 'agent-socket' } },
  ])
  expect(setup(inside, '2').status).toBe(0)
  const second = JSON.parse(readFileSync(join(state, '2/evidence.json'), 'utf8')) as { binding: { boot: object } }
  expect(second.binding.boot).toEqual({ id: boot, jobs: 2 })
})

test('the worker is found among the ancestors, and nothing else is taken for it', async () => {
  const proc = scratch('proc')
  const make = (pid: number, comm: string, parent: number): void => {
    mkdirSync(join(proc, String(pid)), { recursive: true })
    writeFileSync(join(proc, String(pid), 'comm'), `${comm}\n`)
    const rest = Array.from({ length: 17 }, () => '0').join(' ')
    writeFileSync(join(proc, String(pid), 'stat'), `${pid} (${comm}) S ${parent} ${rest} ${pid}00 0\n`)
  }
  make(10, 'bash', 9)
  make(9, 'sh) S 1 (x', 8)
  make(8, 'Runner.Worker', 7)
  make(20, 'bash', 1)
  const ports = testPorts()
  const faked = { ...ports, roots: { ...ports.roots, proc } }
  expect(await parentWatch(faked, 10)).toEqual({ pid: 8, start: '800' })
  expect(await parentWatch(faked, 20)).toBeNull()
  expect(await parentWatch(faked, 77)).toBeNull()
})
