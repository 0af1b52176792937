import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { door as post } from '../../src/actions/setup-cvm-runner/post.ts'
import type { RawInputs } from '../../src/doors/context.ts'
import { jobMark, runFingerprint, sameJob } from '../../src/agent/job.ts'
import { Supervisor } from '../../src/agent/machine/supervisor.ts'
import { requestToken } from '../../src/agent/oidc.ts'
import { spawnAgent, type RunningAgent } from '../../src/agent/spawn.ts'
import { startTime } from '../../src/agent/start-message.ts'
import { openState } from '../../src/agent/state.ts'
import type { Ports } from '../../src/base/ports.ts'
import { parseBinding } from '../../src/journal/binding.ts'
import { defaultChoice } from '../../src/tee/choice.ts'
import { agentEntry } from '../../testkit/agent.ts'
import { openReportOf } from '../../testkit/task-agent.ts'
import { startIssuer } from '../../testkit/oidc.ts'
import { fakeHttp, scratch, testPorts } from '../../testkit/ports.ts'

/** What every leg of a matrix has in common. */
const legs = {
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_REPOSITORY: 'acme/app',
  GITHUB_RUN_ID: '7',
  GITHUB_RUN_ATTEMPT: '1',
  GITHUB_JOB: 'publish',
  RUNNER_NAME: 'host',
  RUNNER_TRACKING_ID: 'github_1',
}

const inEnvironment = (env: Record<string, string>, base = testPorts()): Ports => ({
  ...base,
  env: { ...base.env, ...legs, ...env },
})

const gone = async (pid: number): Promise<void> => {
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 20))
}

const workers: ChildProcess[] = []
const supervisors: Supervisor[] = []
afterEach(async () => {
  for (const worker of workers.splice(0)) worker.kill()
  for (const supervisor of supervisors.splice(0)) await supervisor.close()
})

/** Ports whose `/proc` shows our parent as the worker of a job, as which a process stands that can be ended. */
async function underWorker(ports: Ports): Promise<{ ports: Ports; end(): Promise<void> }> {
  const worker = spawn('sleep', ['600'])
  workers.push(worker)
  await once(worker, 'spawn')
  const proc = scratch('proc')
  const pid = worker.pid ?? 0
  const start = (await startTime(pid, ports)) ?? ''
  const make = (id: number, name: string, parent: number): void => {
    mkdirSync(join(proc, String(id)), { recursive: true })
    writeFileSync(join(proc, String(id), 'comm'), `${name}\n`)
    const rest = Array.from({ length: 17 }, () => '0').join(' ')
    writeFileSync(join(proc, String(id), 'stat'), `${id} (${name}) S ${parent} ${rest} ${start} 0\n`)
  }
  make(process.ppid, 'bash', pid)
  make(pid, 'Runner.Worker', 1)
  return {
    ports: { ...ports, roots: { ...ports.roots, proc } },
    end: async () => {
      worker.kill()
      await once(worker, 'exit')
    },
  }
}

const own = (ports: Ports, directory = join(ports.roots.temp, 'state')): Promise<RunningAgent> =>
  spawnAgent({ entry: agentEntry, directory, technology: 'sample', nonce: '', lifetime: 600 }, ports)

test.each([
  ['RUNNER_TRACKING_ID', 'github_2'],
  ['RUNNER_NAME', 'other'],
  ['GITHUB_RUN_ATTEMPT', '2'],
  ['ACTIONS_ID_TOKEN_REQUEST_URL', 'https://issuer.example/jobs/2/idtoken?v=1'],
  ['ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'of another job'],
])('another %s is another job; what a step changes of its own is not', (name, value) => {
  expect(runFingerprint({ ...legs, [name]: value })).not.toBe(runFingerprint(legs))
  const step = { ...legs, GITHUB_ACTION: '__run_2', GITHUB_OUTPUT: '/x', RUNNER_TEMP: '/y', INPUT_A: 'b', PATH: '/z' }
  expect(runFingerprint(step)).toBe(runFingerprint(legs))
})

test('another worker process is another job, also under the same process id; who sees no worker goes by the rest', async () => {
  const run = runFingerprint(legs)
  const mark = { run, watch: { pid: 8, start: '800' } }
  expect(sameJob(mark, { run, watch: { pid: 8, start: '800' } })).toBe(true)
  expect(sameJob(mark, { run, watch: { pid: 9, start: '800' } })).toBe(false)
  expect(sameJob(mark, { run, watch: { pid: 8, start: '801' } })).toBe(false)
  expect(sameJob(mark, { run, watch: null })).toBe(true)
  expect(sameJob(mark, { run: runFingerprint({}), watch: null })).toBe(false)
  const { ports } = await underWorker(inEnvironment({}))
  expect(await jobMark(ports)).toEqual({ run, watch: { pid: workers[0]?.pid, start: expect.stringMatching(/^\d+$/) } })
})

describe('legs of a matrix on one machine', () => {
  test.each<[string, Record<string, string>]>([
    ['another tracking id', { RUNNER_TRACKING_ID: 'github_2' }],
    ['another runner', { RUNNER_NAME: 'host-2' }],
    ['another token request', { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://issuer.invalid/jobs/2?x=1' }],
  ])(
    'with %s: the second is refused while the first lives, counted after it, and ended by nobody else',
    async (_what, other) => {
      const folder = scratch('m')
      const sockets = join(folder, 'jobs')
      mkdirSync(sockets)
      const machineSocket = join(folder, 'agent.sock')
      supervisors.push(
        await Supervisor.start(
          {
            entry: agentEntry,
            listen: { path: machineSocket, mode: 0o660 },
            sockets,
            directory: join(folder, 'state'),
            technology: 'sample',
            tee: defaultChoice,
            workers: '',
            source: 'image',
            lifetime: 600,
          },
          testPorts(),
        ),
      )
      const leg = (env: Record<string, string>) => {
        // Without its secret no token is asked for: the hosts need not be there, since what is tried is who gets an agent at all.
        const ports = inEnvironment({ ...env, ACTIONS_ID_TOKEN_REQUEST_TOKEN: '' })
        const directory = join(ports.roots.temp, 'state')
        const options = {
          entry: '/none',
          directory,
          technology: 'auto',
          nonce: '',
          lifetime: 600,
          machineSocket,
        } as const
        return {
          start: () => spawnAgent(options, ports),
          post: () => post.run({} as RawInputs, { ports, state: openState(directory, ports) }),
        }
      }
      const [first, second] = [leg({}), leg(other)]
      const one = await first.start()
      await expect(second.start()).rejects.toMatchObject({ code: 'state-conflict' })
      expect((await first.start()).reused).toBe(true)
      // A post step of the leg that was refused finds nothing to end.
      expect((await second.post()).report.headline).toBe('No agent runs')
      expect((await one.client.status()).keyId).toBe(one.status.keyId)

      await first.post()
      await gone(one.status.pid)
      const two = await second.start()
      expect(two.status.keyId).not.toBe(one.status.keyId)
      expect(parseBinding((await openReportOf(two.client)).binding, 'binding').boot.jobs).toBe(2)
      await first.post()
      expect((await two.client.status()).keyId).toBe(two.status.keyId)
      await two.client.stop()
      await gone(two.status.pid)
    },
  )
})

describe('an agent of the job’s own', () => {
  test('belongs to nobody else who finds its state, and a post step of another job leaves it', async () => {
    const ports = inEnvironment({})
    const directory = join(ports.roots.temp, 'state')
    const agent = await own(ports)
    const stranger = inEnvironment({ RUNNER_TRACKING_ID: 'github_2' }, ports)
    await expect(own(stranger, directory)).rejects.toMatchObject({ code: 'state-conflict' })
    const state = openState(directory, stranger)
    await expect(state.agent()).rejects.toMatchObject({ code: 'state-conflict' })
    await post.run({} as RawInputs, { ports: stranger, state })
    expect((await agent.client.status()).keyId).toBe(agent.status.keyId)
    await agent.client.stop()
  })

  test('two that are started at once are one', async () => {
    const ports = inEnvironment({})
    const both = await Promise.all([own(ports), own(ports)])
    expect(new Set(both.map(({ status }) => status.keyId)).size).toBe(1)
    expect(both.map(({ reused }) => reused).sort()).toEqual([false, true])
    const directory = join(ports.roots.temp, 'state')
    expect(readFileSync(join(directory, 'agent.json'), 'utf8')).toContain(both[0].status.keyId)
    expect(readdirSync(directory).filter((name) => name.includes('lock'))).toEqual([])
    await both[0].client.stop()
  })

  test('that has outlived its job serves nobody, and the next job gets its own', async () => {
    const worker = await underWorker(inEnvironment({}))
    const directory = join(worker.ports.roots.temp, 'state')
    const left = await own(worker.ports, directory)
    await left.client.journal()
    await worker.end()
    // At once, not only when the agent looks the next time.
    await expect(left.client.journal()).rejects.toMatchObject({ code: 'agent-error' })
    await expect(openState(directory, worker.ports).agent()).resolves.toBeNull()
    const next = await own(inEnvironment({ RUNNER_TRACKING_ID: 'github_2' }), directory)
    expect([next.reused, next.status.keyId === left.status.keyId]).toEqual([false, false])
    await gone(left.status.pid)
    // What the old one cleared away was its own.
    expect((await next.client.status()).keyId).toBe(next.status.keyId)
    expect(existsSync(join(directory, 'agent.json'))).toBe(true)
    await next.client.stop()
  })
})

describe('the token request', () => {
  test('of an agent of the machine goes to no service of its machine, and by https alone', async () => {
    const issuer = await startIssuer()
    const asked: string[] = []
    const base = testPorts()
    const ports = (url: string): Ports => ({
      ...base,
      env: { ...base.env, ACTIONS_ID_TOKEN_REQUEST_TOKEN: issuer.requestToken, ACTIONS_ID_TOKEN_REQUEST_URL: url },
      http: {
        ...base.http,
        request: (to, options) => {
          asked.push(to)
          return base.http.request(to, options)
        },
      },
    })
    for (const url of [
      issuer.requestUrl,
      'http://issuer.example/token?x=1',
      'https://localhost/token?x=1',
      'https://127.0.0.1:8443/token?x=1',
      'https://2130706433/token?x=1',
      'https://[::1]/token?x=1',
      'https://[::ffff:127.0.0.1]/token?x=1',
      'https://0.0.0.0/token?x=1',
      'https://metadata.localhost/token?x=1',
      'https://user:word@issuer.example/token?x=1',
      'https://issuer.example/token?x=1#y',
      'file:///etc/passwd?x=1',
      'no url',
    ])
      await expect(requestToken('a', ports(url), true)).rejects.toMatchObject({ code: 'token-invalid' })
    expect(asked).toEqual([])
    // An agent of the job's own may ask an issuer of its machine: so do localrun and these tests.
    expect((await requestToken('a', ports(issuer.requestUrl), false))?.claims['aud']).toBe('a')
    await expect(requestToken('a', ports('http://issuer.example/?x=1'), false)).rejects.toMatchObject({
      code: 'token-invalid',
    })
    await issuer.close()
  })

  test('follows no redirect, and a token may not lead to an issuer of the machine either', async () => {
    const issuer = await startIssuer()
    const base = testPorts()
    const asked: string[] = []
    const answers = (answer: Response): Ports => ({
      ...base,
      env: { ACTIONS_ID_TOKEN_REQUEST_TOKEN: 't', ACTIONS_ID_TOKEN_REQUEST_URL: 'https://issuer.example/token' },
      http: fakeHttp(async (url, options) => {
        asked.push(`${options?.redirect} ${url}`)
        return answer
      }),
    })
    const redirect = new Response(null, { status: 302, headers: { location: 'https://127.0.0.1/' } })
    await expect(requestToken('a', answers(redirect), true)).rejects.toMatchObject({ code: 'oidc-error' })
    expect(asked.splice(0)).toEqual(['manual https://issuer.example/token?audience=a'])
    const token = new Response(JSON.stringify({ value: await issuer.mint({}, 'a') }))
    await expect(requestToken('a', answers(token), true)).rejects.toMatchObject({ code: 'token-invalid' })
    expect(asked).toHaveLength(1)
    await issuer.close()
  })
})
