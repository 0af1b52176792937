import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import {
  copyFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { peer } from '../../../testkit/peers.ts'

/** A user of this machine that builds: what it is started with. */
export interface Builder {
  title: string
  uid: number
  gid: number
  /** Starts a program as this user. */
  prefix: readonly string[]
}

/** What lies around on a machine where a hostile step runs, each reachable for the user that builds. */
export interface Surroundings {
  folder: string
  env: Record<string, string>
  /** Argument of a process that must not outlive the build. */
  stay: string
  script: string
  close(): Promise<void>
}

const listen = (server: Server, where: object): Promise<void> =>
  new Promise((done, fail) => server.once('error', fail).listen(where, done))

/** Makes an agent's socket, a server on loopback, an abstract socket, another process, and files; and the script that looks for all of them. */
export async function surround(builder: Builder, name: string): Promise<Surroundings> {
  const folder = mkdtempSync(`/tmp/sealwright-attack-`)
  const place = (path: string): string => {
    const full = join(folder, path)
    mkdirSync(full, { recursive: true })
    for (let part = full; part !== '/tmp'; part = dirname(part)) {
      chmodSync(part, 0o755)
      chownSync(part, builder.uid, builder.gid)
    }
    return full
  }
  const [temp, state, home] = [place('temp'), place('temp/sealwright'), place('home')]
  const file = (path: string): string => {
    writeFileSync(path, 'secret')
    chmodSync(path, 0o644)
    return path
  }
  const files = {
    'host-tmp': file(join(folder, 'f')),
    'runner-temp': file(join(temp, 'f')),
    home: file(join(home, 'f')),
  }
  const answer = (): Server => createServer((socket) => socket.end('hello'))
  const [tcp, agent, abstract] = [answer(), answer(), answer()]
  await listen(tcp, { port: 0, host: '127.0.0.1' })
  const socket = join(state, 'agent.sock')
  await listen(agent, { path: socket })
  chmodSync(socket, 0o777)
  const hidden = `sealwright-${process.pid}-${name}`
  await listen(abstract, { path: `\0${hidden}` })
  const address = tcp.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const mark = `4${process.pid}.${name.length}7`
  const other: ChildProcess = spawn('sleep', [mark], { uid: builder.uid, gid: builder.gid })
  const stay = `5${process.pid}.${name.length}3`
  const script = [
    'see() { echo "SEEN $1"; }',
    `[ -e ${socket} ] && see agent-socket`,
    `(exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && see loopback`,
    // What slirp4netns would pass on to the machine's loopback.
    `timeout 2 bash -c 'exec 3<>/dev/tcp/10.0.2.2/${port}' 2>/dev/null && see gateway`,
    `grep -q '@${hidden}' /proc/net/unix 2>/dev/null && see abstract-socket`,
    `for p in /proc/[0-9]*/cmdline; do grep -aq 'sleep.${mark}' "$p" 2>/dev/null && see process; done`,
    ...Object.entries(files).map(([kind, path]) => `[ -r ${path} ] && see ${kind}`),
    'grep -q "^NoNewPrivs:.0" /proc/self/status && see new-privileges',
    '[ "$(cat /proc/sys/user/max_user_namespaces)" != 0 ] && see user-namespaces',
    '[ -r /etc/machine-id ] && see machine-id',
    '[ -d /sys/class ] && see sysfs',
    `(setsid sleep ${stay} >/dev/null 2>&1 &)`,
    'for i in 1 2 3 4 5 6 7 8 9; do [ -e /none ]; done',
    'echo DONE',
  ].join('\n')
  return {
    folder,
    stay,
    script: `${script}\n`,
    // A hostile step put the state folder and the whole home on PATH.
    env: {
      PATH: `${state}:${home}:${process.env['PATH'] ?? ''}`,
      HOME: home,
      RUNNER_TEMP: temp,
      SEALWRIGHT_STATE: state,
    },
    close: async () => {
      other.kill('SIGKILL')
      await Promise.all([tcp, agent, abstract].map((server) => new Promise((done) => server.close(done))))
    },
  }
}

/** Numbers of processes with this argument. */
export function processesWith(argument: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').slice(1).includes(argument)
      } catch {
        return false
      }
    })
}

/** Copies programs of this machine with the libraries that they need: the smallest base with a shell that is at hand. */
export function programs(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const path = realpathSync(peer(name))
    const libraries = execFileSync('ldd', [path], { encoding: 'utf8' }).match(/\/\S+/g) ?? []
    for (const [from, to] of [[path, `/bin/${name}`], ...libraries.map((library) => [library, library])]) {
      const target = join(folder, to ?? '')
      mkdirSync(dirname(target), { recursive: true })
      copyFileSync(from ?? '', target)
    }
  }
}
