import type { HttpResponse } from '../../src/base/ports.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { connect } from 'node:net'
import { serveSocket } from '../../src/agent/socket-server.ts'
import { silentLog } from '../../src/runner/log.ts'
import { openState, stateDirectory } from '../../src/agent/state.ts'
import { agentCalls } from '../../src/agent/worker/table.ts'
import { journalBytes } from '../../src/journal/event.ts'
import { buildEvent, digestOf, publishEvent, sbomEvent, startAgent, startAgentProcess } from '../../testkit/agent.ts'
import { testPorts } from '../../testkit/ports.ts'

type Started = Awaited<ReturnType<typeof startAgent>>
const gone = async (pid: number): Promise<void> => {
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 20))
}
const post = async (
  { ports, directory }: Started,
  path: string,
  body: string,
  method = 'POST',
): Promise<HttpResponse> => {
  const { socket } = JSON.parse(readFileSync(join(directory, 'agent.json'), 'utf8')) as { socket: string }
  return ports.http.request(`http://agent${path}`, { method, body, socketPath: socket })
}

describe('files', () => {
  test('state, socket and files are the user’s own, and invisible to git', async () => {
    const agent = await startAgentProcess()
    const mode = (name: string): number => statSync(join(agent.directory, name)).mode & 0o777
    expect(mode('.')).toBe(0o700)
    expect(mode('agent.sock')).toBe(0o600)
    expect(mode('agent.json')).toBe(0o600)
    expect(mode('journal.jsonl')).toBe(0o600)
    expect(readFileSync(join(agent.directory, '.gitignore'), 'utf8')).toBe('*\n')
    const file = JSON.parse(readFileSync(join(agent.directory, 'agent.json'), 'utf8')) as object
    expect(file).toMatchObject({ pid: agent.status.pid, keyId: agent.status.keyId, jobDigest: agent.status.jobDigest })
    await agent.client.stop()
    expect(existsSync(join(agent.directory, 'agent.json'))).toBe(false)
    await gone(agent.status.pid)
  })

  test('a path too long for a socket gets one in a private folder, which goes with the agent', async () => {
    const ports = testPorts()
    const agent = await startAgentProcess({}, { directory: join(ports.roots.temp, 'x'.repeat(120)) }, ports)
    const { socket } = JSON.parse(readFileSync(join(agent.directory, 'agent.json'), 'utf8')) as { socket: string }
    expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(100)
    expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700)
    await agent.client.stop()
    expect(existsSync(dirname(socket))).toBe(false)
  })

  test('a journal file that was changed or removed is written anew from memory, and told', async () => {
    const agent = await startAgentProcess()
    const path = join(agent.directory, 'journal.jsonl')
    await agent.client.append(buildEvent())
    expect((await agent.client.status()).warnings).toEqual([])
    writeFileSync(path, 'forged\n')
    await agent.client.append(sbomEvent())
    const events = await agent.client.journal()
    expect(readFileSync(path).equals(journalBytes(events))).toBe(true)
    expect((await agent.client.status()).warnings).toHaveLength(1)
    rmSync(path)
    await agent.client.append(publishEvent('kbs:///a/b/c'))
    expect(readFileSync(path).equals(journalBytes(await agent.client.journal()))).toBe(true)
    await agent.client.stop()
  })

  test('the agent’s process shows no token in its environment or arguments', async () => {
    const agent = await startAgentProcess({
      GITHUB_TOKEN: 'hunter2',
      ACTIONS_RUNTIME_TOKEN: 'hunter3',
      RUNNER_TRACKING_ID: 'github_1',
    })
    const environ = readFileSync(`/proc/${agent.status.pid}/environ`, 'latin1')
    expect(environ).not.toContain('hunter')
    expect(environ).toContain('RUNNER_TRACKING_ID=github_1')
    expect(readFileSync(`/proc/${agent.status.pid}/cmdline`, 'latin1')).not.toContain('hunter')
    expect(readFileSync(`/proc/${agent.status.pid}/limits`, 'latin1')).toMatch(/Max core file size\s+0\s+0/)
    await agent.client.stop()
  })
})

describe('hostile callers', () => {
  let agent: Started
  beforeAll(async () => {
    agent = await startAgent()
  })
  afterAll(() => agent.client.stop())

  test.each([
    ['a foreign member', '/v1/append', JSON.stringify({ ...buildEvent(), note: 1 })],
    ['a sequence number', '/v1/append', JSON.stringify({ ...buildEvent(), seq: 9 })],
    ['no JSON', '/v1/append', '{'],
    [
      'a foreign kind of statement',
      '/v1/statement',
      JSON.stringify({ kind: 'anything', subject: digestOf('a'), documents: {} }),
    ],
    [
      'a payload of its own',
      '/v1/statement',
      JSON.stringify({ kind: 'sign', subject: digestOf('a'), documents: {}, payload: 'x' }),
    ],
    ['a member that status does not have', '/v1/status', '{"a":1}'],
  ])('with %s are refused', async (_what, path, body) => {
    expect([400, 403]).toContain((await post(agent, path, body)).status)
  })

  test('events of the agent’s own kinds are refused', async () => {
    for (const kind of ['job', 'statement'] as const) {
      await expect(agent.client.append({ ...buildEvent(), kind })).rejects.toMatchObject({ code: 'role-mismatch' })
    }
    expect(await agent.client.journal()).toHaveLength(1)
  })

  test.each([...agentCalls].filter((name) => name !== 'status'))(
    '%s is a call of workers alone: the socket does not have it',
    async (name) => {
      const uri = 'kbs:///default/image/key'
      for (const body of ['{}', JSON.stringify({ uri, kbs: 'https://kbs.example' }), JSON.stringify({ nonce: 'n' })]) {
        const answer = await post(agent, `/v1/${name}`, body)
        expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'not-found' } }])
      }
      expect(await agent.client.status()).toMatchObject({ keys: [], journalCount: 1 })
    },
  )

  test('bodies over the limit, other methods and unknown operations are refused', async () => {
    const large = await post(agent, '/v1/status', JSON.stringify({ a: 'x'.repeat(5000) }))
    expect(await large.json()).toMatchObject({ error: { code: 'format-invalid' } })
    expect((await post(agent, '/v1/status', '', 'PUT')).status).toBe(400)
    for (const path of ['/v1/nothing', '/v1/constructor', '/v1/sign', '/']) {
      expect((await post(agent, path, '{}')).status).toBe(400)
    }
    await expect(agent.client.status()).resolves.toMatchObject({ technology: 'sample' })
  })
})

describe('life', () => {
  const job1 = { GITHUB_REPOSITORY: 'example/app', GITHUB_RUN_ID: '1', GITHUB_JOB: 'build' }

  test('the same job finds its agent; another job is an error', async () => {
    const first = await startAgentProcess(job1)
    const { directory, ports } = first
    const again = await startAgentProcess(job1, { directory }, ports)
    expect(again).toMatchObject({ reused: true, status: { keyId: first.status.keyId } })
    for (const other of [{ GITHUB_RUN_ID: '2' }, { GITHUB_JOB: 'deploy' }]) {
      await expect(startAgentProcess({ ...job1, ...other }, { directory }, ports)).rejects.toMatchObject({
        code: 'state-conflict',
      })
      const foreign = openState(directory, { ...ports, env: { ...ports.env, ...job1, ...other } })
      await expect(foreign.agent()).rejects.toMatchObject({ code: 'state-conflict' })
    }
    await expect(startAgentProcess(job1, { directory, technology: 'snp' }, ports)).rejects.toMatchObject({
      code: 'state-conflict',
    })
    const own = await openState(directory, { ...ports, env: { ...ports.env, ...job1 } }).agent()
    expect((await own?.status())?.keyId).toBe(first.status.keyId)
    await first.client.stop()
  })

  test('a dead agent is an error for a step and replaced by a new one', async () => {
    const first = await startAgentProcess()
    const { directory, ports } = first
    process.kill(first.status.pid, 'SIGKILL')
    await gone(first.status.pid)
    await expect(openState(directory, ports).agent()).rejects.toMatchObject({ code: 'state-conflict' })
    const second = await startAgentProcess({}, { directory }, ports)
    expect(second.reused).toBe(false)
    expect(second.status.keyId).not.toBe(first.status.keyId)
    await second.client.stop()
    expect(await openState(directory, ports).agent()).toBeNull()
  })

  test('an agent file that names another agent’s socket is not believed', async () => {
    const first = await startAgentProcess()
    const path = join(first.directory, 'agent.json')
    const file = JSON.parse(readFileSync(path, 'utf8')) as object
    writeFileSync(path, JSON.stringify({ ...file, keyId: 'another' }))
    await expect(openState(first.directory, first.ports).agent()).rejects.toMatchObject({ code: 'state-conflict' })
    writeFileSync(path, '{}')
    await expect(openState(first.directory, first.ports).agent()).rejects.toMatchObject({ code: 'state-conflict' })
    await first.client.stop()
  })

  test('SIGTERM and the end of the lifetime end it and leave nothing but the journal', async () => {
    const first = await startAgentProcess()
    process.kill(first.status.pid, 'SIGTERM')
    await gone(first.status.pid)
    const second = await startAgentProcess({}, { lifetime: 1 })
    await gone(second.status.pid)
    for (const { directory } of [first, second]) {
      expect(existsSync(join(directory, 'agent.json'))).toBe(false)
      expect(existsSync(join(directory, 'agent.sock'))).toBe(false)
      expect(existsSync(join(directory, 'journal.jsonl'))).toBe(true)
    }
  })

  test('an agent that watches a worker ends with it', async () => {
    const worker = spawn('sleep', ['600'])
    await once(worker, 'spawn')
    const { startMessageSchema, startTime } = await import('../../src/agent/start-message.ts')
    const { runAgent } = await import('../../src/agent/process.ts')
    const { agentEntry } = await import('../../testkit/agent.ts')
    const ports = testPorts()
    const directory = join(ports.roots.temp, 'state')
    mkdirSync(directory)
    const pid = worker.pid ?? 0
    const start = await startTime(pid, ports)
    const running = await runAgent(
      startMessageSchema.parse({
        directory,
        entry: agentEntry,
        technology: 'sample',
        nonce: '',
        lifetime: 600,
        run: digestOf('run'),
        watch: { pid, start: start ?? '' },
        environment: {},
      }),
      ports,
    )
    worker.kill()
    expect(await running.ended).toBe("the job's worker is gone")
  })

  test('a machine without TEE says so through the agent’s start', async () => {
    await expect(startAgentProcess({}, { technology: 'auto' })).rejects.toMatchObject({
      code: 'technology-refused',
      exitCode: 1,
    })
  })
})

describe('state', () => {
  test('its directory follows option, export, runner and working directory, in this order', () => {
    const ports = testPorts()
    const { cwd } = ports.roots
    const all = { SEALWRIGHT_STATE: '/s', RUNNER_TEMP: '/r' }
    expect(stateDirectory('x', { ...ports, env: all })).toBe(join(cwd, 'x'))
    expect(stateDirectory(undefined, { ...ports, env: all })).toBe('/s')
    expect(stateDirectory('', { ...ports, env: { RUNNER_TEMP: '/r' } })).toBe('/r/sealwright')
    expect(stateDirectory(undefined, { ...ports, env: {} })).toBe(join(cwd, '.sealwright'))
  })

  test('remembers images and facts, and lets no path leave', async () => {
    const ports = testPorts()
    const state = openState(join(ports.roots.temp, 'state'), ports)
    expect(await state.agent()).toBeNull()
    expect(await state.lastImage(['plain'])).toBeNull()
    await state.rememberImage('sha256:1', 'oci:/a:latest@sha256:1', 'plain')
    await state.rememberImage('sha256:2', 'oci:/a:x@sha256:2', 'encrypted')
    await state.rememberImage('sha256:3', 'oci:/b:latest@sha256:3', 'plain')
    await state.rememberImage('sha256:1', 'oci:/a:latest@sha256:1', 'plain')
    expect(await state.lastImage(['plain'])).toContain('sha256:1')
    expect(await state.lastImage(['encrypted', 'published'])).toContain('sha256:2')
    await state.remember('sbom', '/x')
    expect(await state.recall('sbom')).toBe('/x')
    expect(await state.recall('toString')).toBeNull()
    await expect(state.path('..', 'x')).rejects.toMatchObject({ code: 'input-invalid' })
    await expect(state.path('/etc/x')).rejects.toMatchObject({ code: 'input-invalid' })
    writeFileSync(await state.path('facts.json'), '{"a":1}')
    await expect(state.recall('a')).rejects.toMatchObject({ code: 'state-conflict' })
  })
})

test.each([
  ['a socket that takes tasks', true],
  ['one that takes none, as the machine’s agent', false],
])('clients that go away in the middle of a request end nothing: %s', async (_name, takesTasks) => {
  const ports = testPorts()
  const path = join(ports.roots.temp, 'rude.sock')
  mkdirSync(ports.roots.temp, { recursive: true })
  const task = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const listen = { path, mode: 0o600 }
  const server = await serveSocket(listen, silentLog, async () => ({ here: true }), takesTasks ? task : undefined)
  const upgrade = 'HTTP/1.1\r\nhost: agent\r\nconnection: Upgrade\r\nupgrade: sealwright-task\r\n\r\n'
  const requests = [
    `POST /v1/tasks/build ${upgrade}`,
    `POST /v1/tasks/UPPER ${upgrade}`,
    'POST /v1/status HTTP/1.1\r\nhost: agent\r\ncontent-length: 9\r\n\r\n{',
    'NONSENSE\r\n\r\n',
  ]
  for (const text of [...requests, ...requests]) {
    const client = connect(path)
    await once(client, 'connect')
    client.write(text)
    client.destroy()
    await once(client, 'close')
  }
  const answer = await ports.http.request('http://agent/v1/status', { method: 'POST', body: '{}', socketPath: path })
  expect(answer.status).toBe(200)
  server.closeAllConnections()
  server.close()
})
