import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { serveWorkers } from '../../../src/agent/worker/launcher.ts'
import { socketWorkers } from '../../../src/agent/worker/start.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { asUsers, connectAs, folder, listener, processesOf, runAs, until, users, type Listener } from './users.ts'

const open: Listener[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function started(code: string, agent = 0): Promise<Listener> {
  const top = folder(scratch('entry'), 0o755, 0)
  const entry = join(top, 'worker.cjs')
  writeFileSync(entry, code, { mode: 0o644 })
  chmodSync(entry, 0o644)
  const one = await listener('launcher', agent, entry)
  open.push(one)
  return one
}

async function talk(path: string, first = ''): Promise<{ socket: Socket; said: () => string }> {
  let text = ''
  const socket = connect(path)
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  socket.write(first)
  return { socket, said: () => text }
}

/** Says what it is, echoes, ends with its input. Leaves processes behind that have left its session and its parents. */
const echo = `
const { spawn } = require('node:child_process')
const fs = require('node:fs')
spawn('sh', ['-c', '(setsid sleep 4711 >/dev/null 2>&1 &) ; exit 0'], { detached: true, stdio: 'ignore' }).unref()
const about = { uid: process.getuid(), gid: process.getgid(), groups: process.getgroups(), pid: process.pid, env: process.env, umask: process.umask(),
  caps: fs.readFileSync('/proc/self/status', 'latin1').match(/Cap(?:Prm|Eff|Inh|Bnd|Amb):\\t\\w+/g).map((line) => line.slice(3).replace(/\\t0*/, ' ')),
  core: fs.readFileSync('/proc/self/limits', 'latin1').match(/Max core file size +(\\S+)/)[1] }
process.stdin.on('data', (bytes) => process.stdout.write(bytes))
process.stdin.on('end', () => process.exit(0))
setTimeout(() => process.stdout.write(JSON.stringify(about) + '\\n'), 200)
`
const sleepers = (): number[] => processesOf(users.worker).filter((pid) => commandLine(pid).includes('sleep'))
/** Empty for a process that has ended since it was listed. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}

asUsers(
  'the launcher starts each worker under its user, in a namespace of its own, over the very connection',
  async () => {
    const { socket, directory } = await started(echo)
    const one = await talk(socket, 'first\n')
    const two = await talk(socket, 'other\n')
    await until(() => one.said().includes('}\n') && two.said().includes('}\n'))
    expect(one.said()).toContain('first\n')
    expect(two.said()).not.toContain('first')
    const about = JSON.parse(
      one
        .said()
        .split('\n')
        .find((line) => line.startsWith('{')) ?? '',
    ) as Record<string, unknown>
    const { env, ...rest } = about
    expect(rest).toEqual({
      ...{ uid: users.worker, gid: users.worker, groups: [users.worker], pid: 1, umask: 0o077, core: '0' },
      // Setting ids, overriding permissions, and the administrator's: for a set-user-ID program, not for the worker.
      caps: ['Inh: ', 'Prm: ', 'Eff: ', 'Bnd: 2000c2', 'Amb: '],
    })
    expect(Object.keys(env as object).sort()).toEqual(
      ['HOME', 'PATH', 'PWD', 'SEALWRIGHT_WORKER_DIRECTORY', 'TMPDIR'].sort(),
    )
    expect(statSync(directory)).toMatchObject({ uid: users.worker, mode: 0o40700 })

    // Two connections, two workers: the end of one is not that of the other.
    await until(() => sleepers().length === 2)
    one.socket.destroy()
    await until(() => sleepers().length === 1)
    two.socket.write('still here\n')
    await until(() => two.said().includes('still here'))
    // The agent may close its half only: what the worker says last still arrives.
    two.socket.end()
    await until(() => processesOf(users.worker).length === 0)
  },
)

asUsers(
  'a worker that hears nothing ends with its listener, and the agent sees the end of one that is killed',
  async () => {
    const deaf = `process.stdout.write('here\\n'); require('node:child_process').spawnSync('sleep', ['4712'])`
    const one = await started(deaf)
    const first = await talk(one.socket)
    await until(() => first.said() === 'here\n')
    const closed = new Promise<void>((resolve) => first.socket.once('close', () => resolve()))
    first.socket.resume()
    await one.close()
    await closed
    await until(() => processesOf(users.worker).length === 0)
    expect(connectAs(0, one.socket)).not.toBe('open')
    await expect(socketWorkers(one.socket)()).rejects.toMatchObject({ code: 'agent-error', exitCode: 3 })
  },
)

asUsers('nobody but the agent connects, and nobody but root puts another socket in its place', async () => {
  const one = await started(echo, users.agent)
  expect(statSync(one.socket)).toMatchObject({ uid: users.agent, mode: 0o140600 })
  expect(connectAs(users.agent, one.socket)).toBe('open')
  for (const uid of [users.job, users.worker, users.sockets]) {
    expect(connectAs(uid, one.socket)).toBe('EACCES')
    for (const command of [
      ['rm', '-f', one.socket],
      ['mv', one.socket, `${one.socket}.old`],
      ['chmod', '0666', one.socket],
    ])
      expect([command[0], runAs(uid, command).status]).toEqual([command[0], 1])
    expect(runAs(uid, ['ls', one.directory]).status).toBe(uid === users.worker ? 0 : 2)
  }
  expect(existsSync(one.socket)).toBe(true)

  const ids = { agent: { uid: 0, gid: 0 }, worker: { uid: users.worker, gid: users.worker, home: '/' } }
  for (const [mode, owner] of [
    [0o755, users.worker],
    [0o755, users.job],
    [0o777, 0],
    [0o775, 0],
  ] as const) {
    const top = folder(join(folder(scratch('bad'), 0o755, 0), 'run'), mode, owner)
    const made = serveWorkers(
      { listen: join(top, 'w.sock'), ...ids, directory: join(top, 'b'), entry: '/x' },
      testPorts(),
    )
    await expect(made).rejects.toMatchObject({ code: 'file-invalid', subject: 'listen' })
    expect(existsSync(join(top, 'w.sock'))).toBe(false)
  }
})
