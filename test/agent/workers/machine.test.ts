import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { smallFiles } from '../../../testkit/small-image.ts'
import { buildEvent, encryptEvent, sbomEvent, verifyEvent } from '../../../testkit/agent.ts'
import { tree } from '../../build/support.ts'
import { startMachine, type Machine } from './machine.ts'
import { asUsers, connectAs, folder, processesOf, runAs, until, user, users } from './users.ts'

let machine: Machine | undefined
afterEach(async () => {
  await machine?.close()
  machine = undefined
})

const uri = 'kbs:///default/image-key/app'

/** A context that the job's user owns. */
function contextOf({ home }: Machine, name: string): string {
  const context = join(home, name)
  tree({ ...smallFiles, Containerfile: 'FROM scratch\nCOPY app /app\n' }, context)
  runAs(0, ['chown', '-R', `${users.job}:${users.job}`, context])
  return context
}

const buildArgs = ({ home }: Machine, context: string): string[] => [
  ...['build-reproducible', '--context', context, '--builder', 'embedded', '--source-date-epoch', '1700000000'],
  ...['--rebuilds', '1', '--output', `oci:${home}/out:latest`],
]

const published = (made: Machine): Record<string, unknown> => ({
  ...{ kbs: `embedded:${made.home}/kbs`, url: 'http://127.0.0.1:1', embedded: { resourcePolicy: null } },
  ...{ mode: 'apply', plan: null, written: null },
})

for (const kind of ['launcher', 'systemd'] as const) {
  asUsers(
    `the chain of a job, its workers started by ${kind}: every event is of the agent, its workers are another user's`,
    async () => {
      const made = (machine = await startMachine(kind))
      const { step, home, journal, workers } = made
      const ok = async (...args: string[]): Promise<Record<string, string>> => {
        const { outputs, error } = await step(...args)
        expect([args[0], error]).toEqual([args[0], null])
        return outputs
      }
      await ok('setup-cvm-runner', '--agent-socket', join(home, '../agent.sock'))
      const built = await ok(...buildArgs(made, contextOf(made, 'context')))
      expect(built['reproducible']).toBe('true')
      await ok('sbom')
      await ok('encrypt', '--recipients', uri, '--kbs-url', `embedded:${home}/kbs`)
      await ok('sign-attest')
      await ok('kbs-publish', '--kbs-url', `embedded:${home}/kbs`)
      const events = await journal()
      const done = events.filter(({ kind: of }) => of !== 'job' && of !== 'statement')
      expect(done.map((event) => [event.kind, event.performer, event.isolation.worker])).toEqual(
        ['build', 'sbom', 'encrypt', 'publish'].map((of) => [of, 'agent', 'own-user']),
      )
      // One folder for the job, which its user cannot enter; it goes with the job.
      expect(readdirSync(workers.directory).filter((name) => /^[0-9a-f]{32}$/.test(name))).toHaveLength(1)
      expect(runAs(users.job, ['ls', workers.directory]).status).toBe(2)
      expect(runAs(users.agent, ['ls', workers.directory]).status).toBe(2)
      // Of workers there is one at most, which waits for its task.
      await until(() => processesOf(users.worker).length <= 1)
      const pid = made.agentPid()
      await made.asJob(...made.attackProgram, 'post', made.jobSocket, 'stop', '{}')
      await until(() => !processesOf(users.agent).includes(pid))
      expect(readdirSync(workers.directory).filter((name) => /^[0-9a-f]{32}$/.test(name))).toEqual([])
    },
  )
}

asUsers(
  'a hostile job gets nothing of its workers, and no word of the agent',
  async () => {
    const made = (machine = await startMachine('launcher'))
    const { step, home, journal, workers, attack, jobSocket } = made
    expect((await step('setup-cvm-runner', '--agent-socket', join(home, '../agent.sock'))).error).toBeNull()
    const context = contextOf(made, 'context')
    expect((await step(...buildArgs(made, context))).error).toBeNull()
    expect((await step('encrypt', '--recipients', uri, '--kbs-url', `embedded:${home}/kbs`)).error).toBeNull()
    const before = await journal()

    // Events that it writes itself are its own word.
    for (const draft of [buildEvent(), sbomEvent(), encryptEvent(), verifyEvent()]) {
      const { kind, inputs, outputs, result } = draft
      expect([kind, (await attack('append', '', { kind, inputs, outputs, result })).result]).toEqual([kind, 'caller'])
      const more = await attack('post', 'append', { ...draft, performer: 'agent' })
      expect(more.result).toMatchObject({ error: { code: 'input-invalid' } })
    }
    expect((await journal()).slice(before.length).map(({ performer }) => performer)).toEqual([
      'caller',
      'caller',
      'caller',
      'caller',
    ])

    // No operation of the socket gives a key.
    for (const name of [
      ...['create-key', 'wrap', 'unwrap', 'take-key', 'decrypt', 'report', 'open-report', 'attach-ear', 'perform'],
      ...['forget', 'task', 'agent-take-key'],
    ])
      expect([name, (await attack('post', name, { uri, kbs: `embedded:${home}/kbs` })).result]).toMatchObject([
        name,
        { error: { code: 'not-found' } },
      ])
    // A key is for the KBS that it was made for, whatever a request says of it.
    const request = published(made)
    for (const change of [
      { embedded: null },
      { kbs: 'http://127.0.0.1:2', embedded: null },
      { kbs: 'https://kbs.example', embedded: null },
      { kbs: 'https://kbs.example' },
    ]) {
      const { result, masked } = await attack('task', 'publish', { ...request, ...change })
      expect([change, result]).toMatchObject([change, { error: { code: 'role-mismatch' } }])
      expect(masked).toEqual([])
    }
    expect((await step('kbs-publish', '--kbs-url', `embedded:${home}/other`)).error).toMatchObject({
      code: 'role-mismatch',
    })

    // Nor does it send a worker to a path of its own.
    const local = { context: '/etc', file: null, exclude: [] }
    const buildRequest = {
      ...{ output: `oci:${home}/evil:latest`, local, cwd: '/', prepare: null, builder: 'embedded', target: null },
      ...{ platforms: [], buildArgs: {}, labels: {}, sourceDateEpoch: 1, rebuilds: 0, compression: 'gzip' },
      ...{ allowDifference: false, network: 'none', places: {} },
    }
    expect((await attack('task', 'build', buildRequest)).result).toMatchObject({ error: { code: 'input-invalid' } })

    // Socket and folder of the workers are closed to it.
    expect(connectAs(users.job, workers.socket)).toBe('EACCES')
    expect(connectAs(users.worker, workers.socket)).toBe('EACCES')
    for (const command of [
      ['rm', '-f', workers.socket],
      ['ls', workers.directory],
      ['rm', '-rf', workers.directory],
    ])
      expect([command, (await made.asJob(...command)).status]).not.toEqual([command, 0])

    // A worker that waits for its context: its memory and environment are no one's, and it saw nothing of the job's.
    const events = (await journal()).length
    const [first = '', ...rest] = [
      ...user(users.job, `--groups=${users.sockets}`),
      ...[...made.attackProgram, 'task', jobSocket, 'build', JSON.stringify({ ...buildRequest, local: null })],
    ]
    const hold = spawn(first, rest, { cwd: '/', env: { PATH: process.env['PATH'], ...made.env } })
    let asked = ''
    hold.stdout.on('data', (bytes: Buffer) => (asked += bytes.toString()))
    await until(() => asked.includes('asked for context'))
    const [pid = 0] = processesOf(users.worker)
    expect(pid).toBeGreaterThan(0)
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1')
      .split('\0')
      .map((line) => line.split('=')[0])
    expect(environment.filter((name) => name !== '').sort()).toEqual([
      'HOME',
      'PATH',
      'PWD',
      'SEALWRIGHT_WORKER_DIRECTORY',
      'TMPDIR',
    ])
    for (const name of ['environ', 'mem', 'maps', 'root/etc/passwd', 'cwd/x', 'fd/0'])
      expect([name, (await made.asJob('head', '-c', '1', `/proc/${pid}/${name}`)).status]).toEqual([name, 1])
    expect((await made.asJob('kill', '-9', String(pid))).status).not.toBe(0)
    expect(processesOf(users.worker)).toContain(pid)
    // The step is killed: the worker ends, nothing is written.
    hold.kill('SIGKILL')
    await until(() => !processesOf(users.worker).includes(pid))
    expect(await journal()).toHaveLength(events)
  },
  400_000,
)

asUsers('a folder that becomes a link while it is read shows nothing of the worker or of root', async () => {
  const made = (machine = await startMachine('launcher'))
  const { step, home, workers } = made
  expect((await step('setup-cvm-runner', '--agent-socket', join(home, '../agent.sock'))).error).toBeNull()
  const secrets = [
    folder(join(workers.directory, 'kept'), 0o700, users.worker),
    folder(join(home, '../root'), 0o700, 0),
  ]
  for (const path of secrets) writeFileSync(join(path, 'index.js'), 'SECRET OF ANOTHER USER', { mode: 0o600 })
  runAs(0, ['chown', '-R', `${users.worker}`, secrets[0] ?? ''])
  const context = contextOf(made, 'context')
  const swap = `cd "$1"; while :; do mv app kept; ln -s "$2" app; rm app; ln -s "$3" app; rm app; mv kept app; done`
  const [first = '', ...rest] = [...user(users.job), 'sh', '-c', swap, 'sh', context, ...secrets]
  const swapping = spawn(first, rest, { cwd: '/', stdio: 'ignore' })
  for (let round = 0; round < 3; round++) await step(...buildArgs(made, context))
  swapping.kill('SIGKILL')
  const honest = await step(...buildArgs(made, contextOf(made, 'honest')))
  expect(honest.error).toBeNull()
  const seen = readdirSync(`${home}/out/blobs/sha256`).map((name) => {
    const bytes = readFileSync(`${home}/out/blobs/sha256/${name}`)
    return (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('latin1')
  })
  expect(seen.some((text) => text.includes('console.log("hello")'))).toBe(true)
  expect(seen.filter((text) => text.includes('SECRET OF'))).toEqual([])
})
