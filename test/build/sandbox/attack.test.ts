import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { networkInterfaces, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { StepsFacts } from '../../../src/statement/isolation.ts'
import { sandboxPeers, withPeers } from '../../../testkit/peers.ts'
import { processesWith, programs, surround, type Builder, type Surroundings } from './attack.ts'

const child = join(import.meta.dirname, 'child.ts')
const plain = 'sealwright-test'
const isRoot = process.getuid?.() === 0
const needs = [...sandboxPeers, 'bash', 'timeout', 'setsid', 'grep', 'sleep', 'cat']

/** The user that runs the tests; root makes another one, with subordinate ids of its own, and is that as well. */
function builders(): Builder[] {
  const { uid, gid, username } = userInfo()
  const own: Builder = { title: username, uid, gid, prefix: [] }
  return isRoot
    ? [
        own,
        { title: plain, uid: -1, gid: -1, prefix: ['setpriv', '--reuid', plain, '--regid', plain, '--init-groups'] },
      ]
    : [own]
}

function resolved(builder: Builder): Builder {
  if (builder.uid >= 0) return builder
  const id = (flag: string): number => Number(execFileSync('id', [flag, plain], { encoding: 'utf8' }))
  return { ...builder, uid: id('-u'), gid: id('-g') }
}

interface Told {
  lines: string[]
  isolation?: StepsFacts
  record?: { path: string[]; network: string }
  error?: string
}

/** Not synchronous: the servers of this process must be able to answer meanwhile. */
async function run(builder: Builder, around: Surroundings, options: object): Promise<Told> {
  const [program, ...args] = [...builder.prefix, process.execPath, child, JSON.stringify(options)]
  const { stdout } = await promisify(execFile)(program, args, { encoding: 'utf8', env: around.env, cwd: '/' })
  return JSON.parse(stdout) as Told
}

/** An address of this machine that is not loopback, where it has one. */
const address = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(
    ({ internal, family, address: text }) => !internal && family === 'IPv4' && !text.startsWith('169.254.'),
  )?.address

/** Writes files into a context that the builder owns. */
function contextOf(builder: Builder, around: Surroundings, Containerfile: string, root: readonly string[]): string {
  const context = join(around.folder, 'context')
  mkdirSync(join(context, 'root/tmp'), { recursive: true })
  programs(join(context, 'root'), root)
  writeFileSync(join(context, 'attack.sh'), around.script)
  writeFileSync(join(context, 'Containerfile'), Containerfile)
  if (isRoot) execFileSync('chown', ['-R', `${builder.uid}:${builder.gid}`, context])
  return context
}

const seen = (lines: readonly string[]): string[] => lines.flatMap((line) => /SEEN (\S+)/.exec(line)?.[1] ?? []).sort()

beforeAll(() => {
  if (isRoot && existsSync('/usr/sbin/useradd')) {
    try {
      execFileSync('id', [plain], { stdio: 'ignore' })
    } catch {
      execFileSync('useradd', ['--create-home', plain])
    }
  }
})

describe.each(builders())('a hostile step of a build by $title', (user) => {
  withPeers(needs, 'finds all of it outside the sandbox, so that the script is worth something', async () => {
    const builder = resolved(user)
    const around = await surround(builder, `control-${user.title}`)
    try {
      const script = join(around.folder, 'attack.sh')
      writeFileSync(script, around.script)
      const [program, ...args] = [...builder.prefix, 'bash', script]
      const lines = execFileSync(program, args, { encoding: 'utf8', env: around.env, cwd: '/' }).split('\n')
      expect(lines).toContain('DONE')
      expect(seen(lines)).toEqual(
        expect.arrayContaining([
          ...['abstract-socket', 'agent-socket', 'home', 'host-tmp', 'loopback', 'new-privileges', 'process'],
          ...['runner-temp', 'sysfs', 'user-namespaces'],
        ]),
      )
      // It was started in the background: it may not be there yet.
      let left = processesWith(around.stay)
      for (let n = 0; n < 100 && left.length === 0; n += 1) {
        await new Promise((later) => setTimeout(later, 50))
        left = processesWith(around.stay)
      }
      expect(left).toHaveLength(1)
      for (const pid of left) process.kill(pid, 'SIGKILL')
    } finally {
      await around.close()
    }
  })

  withPeers([...needs, 'slirp4netns', 'ip'], 'a network can be had, and its routes cannot be changed', async () => {
    const builder = resolved(user)
    const around = await surround(builder, `routes-${user.title}`)
    const server = createServer((socket) => socket.end('hello\n'))
    await new Promise<void>((done) => server.listen(0, address ?? '127.0.0.1', done))
    try {
      const bound = server.address()
      const port = bound !== null && typeof bound === 'object' ? bound.port : 0
      const context = contextOf(builder, around, 'FROM scratch\nCOPY made /\n', [])
      const commands = [
        'ip route; ip route del blackhole 169.254.0.0/16 2>&1; touch made',
        `timeout 5 bash -c 'exec 3<>/dev/tcp/${address ?? '10.0.2.2'}/${port}; cat <&3'; echo "code $?"`,
        'timeout 5 bash -c "exec 3<>/dev/tcp/169.254.169.254/80" 2>&1',
        'unshare --user true 2>&1; true',
      ]
      const told = await run(builder, around, {
        ...{ context, prepare: commands.join('\n'), builder: 'embedded', network: 'default' },
        ...{ layout: join(around.env['RUNNER_TEMP'] ?? '', 'layout'), exclude: [] },
      })
      expect(told.error).toBeUndefined()
      const text = told.lines.join('\n')
      expect(text).toContain('prepare: blackhole 169.254.0.0/16')
      expect(text).toContain('Operation not permitted')
      expect(text).toMatch(/169\.254\.169\.254.*(Invalid argument|Network is unreachable|No route to host)/)
      expect(text).toMatch(/unshare failed: No space left on device/)
      expect(told.lines.includes('prepare: hello')).toBe(address !== undefined)
    } finally {
      server.close()
      await around.close()
      rmSync(around.folder, { recursive: true, force: true })
    }
  })

  for (const network of ['none', 'default'] as const) {
    const also = network === 'none' ? [] : ['slirp4netns', 'ip']

    withPeers([...needs, ...also], `prepare with network ${network} sees nothing and leaves nothing`, async () => {
      const builder = resolved(user)
      const around = await surround(builder, `prepare-${network}-${user.title}`)
      try {
        const context = contextOf(builder, around, 'FROM scratch\nCOPY made /\n', [])
        const more =
          'id -u; grep ^CapBnd /proc/self/status; (echo x >/usr/x) 2>&1; (echo x >/x) 2>&1; cat /proc/net/route; echo m >made'
        const told = await run(builder, around, {
          ...{ context, prepare: `bash attack.sh; ${more}`, builder: 'embedded', network },
          ...{ layout: join(around.env['RUNNER_TEMP'] ?? '', 'layout'), exclude: [around.env['SEALWRIGHT_STATE']] },
        })
        expect(told.error).toBeUndefined()
        expect(told.lines).toContain('prepare: DONE')
        expect(seen(told.lines)).toEqual([])
        expect(told.lines).toEqual(expect.arrayContaining(['prepare: 1000', 'prepare: CapBnd:\t0000000000000000']))
        expect(told.lines.filter((line) => line.includes('Read-only file system'))).toHaveLength(2)
        // The default route is there with a network alone.
        expect(told.lines.some((line) => /^prepare: tap0\t00000000\t/.test(line))).toBe(network === 'default')
        expect(told.isolation).toEqual({ steps: 'sandbox', network })
        expect(told.record?.network).toBe(network)
        expect(processesWith(around.stay)).toEqual([])
        // Everything belongs to the caller again, or its own clean-up had failed.
        const left = readdirSync(around.env['RUNNER_TEMP'] ?? '').sort()
        expect(left).toEqual(['f', 'layout', 'sealwright'])
      } finally {
        await around.close()
        rmSync(around.folder, { recursive: true, force: true })
      }
    })

    withPeers(
      [...needs, ...also, 'buildah'],
      `RUN with network ${network} sees nothing and leaves nothing`,
      async () => {
        const builder = resolved(user)
        const around = await surround(builder, `run-${network}-${user.title}`)
        try {
          const file =
            'FROM scratch\nCOPY root /\nCOPY attack.sh /\nRUN bash /attack.sh; cat /proc/net/route; grep ^CapEff /proc/self/status\n'
          const context = contextOf(builder, around, file, ['bash', 'sh', 'grep', 'cat', 'sleep', 'setsid', 'timeout'])
          const told = await run(builder, around, {
            ...{ context, prepare: null, builder: 'buildah', network },
            ...{ layout: join(around.env['RUNNER_TEMP'] ?? '', 'layout'), exclude: [around.env['SEALWRIGHT_STATE']] },
          })
          expect(told.error).toBeUndefined()
          expect(told.lines).toContain('buildah: DONE')
          expect(seen(told.lines)).toEqual([])
          // No CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_MKNOD.
          const caps = BigInt(`0x${/CapEff:\s*(\w+)/.exec(told.lines.join('\n'))?.[1] ?? 'ff'}`)
          for (const bit of [12n, 19n, 21n, 27n]) expect((caps >> bit) & 1n).toBe(0n)
          expect(told.lines.some((line) => /^buildah: tap0\t00000000\t/.test(line))).toBe(network === 'default')
          expect(told.isolation).toEqual({ steps: 'sandbox', network })
          expect(processesWith(around.stay)).toEqual([])
          expect(readdirSync(around.env['RUNNER_TEMP'] ?? '').sort()).toEqual(['f', 'layout', 'sealwright'])
        } finally {
          await around.close()
          rmSync(around.folder, { recursive: true, force: true })
        }
      },
    )
  }
})
