import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { readInitdata } from '../../src/initdata/document.ts'
import type { LivePrograms } from './programs.ts'

/** How a guest answered. */
export interface Said {
  readonly ok: boolean
  /** Its own words, in one line. */
  readonly text: string
}

/** Attestation agent and Confidential Data Hub of a guest, run as processes with a `/run` of their own. */
export interface RunningGuest {
  /** Why the hub did not start, or null. */
  readonly fault: string | null
  /** Pulls an image as the Kata agent asks for it. */
  pull(image: string): Promise<Said>
  /** Folder of the unpacked root file system of an image that was pulled. */
  root(image: string): string
  /** Opens a sealed secret; `text` is the secret in base64. */
  unseal(file: string): Promise<Said>
  resource(uri: string): Promise<Said>
  /** What the hub logged. */
  log(): string
  close(): Promise<void>
}

/** Folders that a guest finds empty when it starts. */
const fresh = ['/run/confidential-containers', '/run/kata-containers', '/run/bundle']
const sockets = { agent: '/run/confidential-containers/attestation-agent/attestation-agent.sock' }

/**
 * Starts a guest with the files of its initdata, byte for byte as the Kata agent writes them. A hub that does not listen within 30 s did not start.
 */
export async function startGuest(programs: LivePrograms, initdata: Buffer, folder: string): Promise<RunningGuest> {
  const at = (name: string): string => join(folder, name)
  writeFileSync(at('initdata.toml'), initdata)
  for (const [name, text] of readInitdata(initdata, 'initdata').files) writeFileSync(at(name), text)
  const script = `set -e
for one in ${fresh.join(' ')}; do mkdir -p $one; mount -t tmpfs none $one; done
'${programs.agent}' -c aa.toml --initdata-toml initdata.toml > aa.log 2>&1 &
until [ -S ${sockets.agent} ]; do sleep 0.1; done
exec '${programs.hub}' -c cdh.toml`
  const log = openSync(at('cdh.log'), 'w')
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'], RUST_LOG: 'info' },
  })
  const { pid } = child
  if (pid === undefined) throw new Error('unshare cannot be run')
  const said = (): string => readFileSync(at('cdh.log'), 'utf8')
  let left = 300
  const listens = (): boolean => said().includes('starts to listen to request')
  while (!listens() && left-- > 0 && child.exitCode === null) await wait(100)
  const ask = (...args: string[]): Promise<Said> =>
    new Promise((done) => {
      const all = ['--mount', `--target=${pid}`, programs.tool, '--timeout', '120', ...args]
      execFile('nsenter', all, { cwd: folder }, (error, stdout, stderr) =>
        done({ ok: error === null, text: error === null ? stdout.trim() : reasonIn(stderr) }),
      )
    })
  const bundle = (image: string): string => `/run/bundle/${Buffer.from(image).toString('hex').slice(-32)}`
  return {
    fault: listens() ? null : `it does not start: ${said().slice(-300)}`,
    pull: (image) => ask('pull-image', '--image-url', image, '--bundle-path', bundle(image)),
    root: (image) => `/proc/${pid}/root${bundle(image)}/rootfs`,
    unseal: (file) => ask('unseal-secret', '--secret-path', file),
    resource: (uri) => ask('get-resource', '--resource-uri', uri),
    log: said,
    close: async () => {
      // The agent runs on where the hub ended.
      const ended = child.exitCode === null ? once(child, 'exit') : null
      try {
        process.kill(-pid, 'SIGKILL')
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
      }
      await ended
    },
  }
}

/** The message of the status that a panicking client prints. */
function reasonIn(stderr: string): string {
  const message = /message: "((?:[^"\\]|\\.)*)"/.exec(stderr)?.[1] ?? stderr.slice(0, 500)
  return message.replaceAll('\\n', ' ').replaceAll('\\"', '"').replaceAll(/\s+/g, ' ').trim()
}
