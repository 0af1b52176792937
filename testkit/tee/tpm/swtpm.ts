import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface SoftwareTpm {
  /** For `tpm-device`: `swtpm:/…/sock`. */
  readonly device: string
  /** For tpm2-tools: `TPM2TOOLS_TCTI`. */
  readonly tcti: string
  readonly directory: string
  readonly pid: number
  /** Ends the TPM; its state (seeds, NV indices) stays in the directory: started there again, it is the same TPM after a reset. */
  stop(): Promise<void>
}

export interface SwtpmOptions {
  /** State of the TPM; a fresh folder by default. Its path stays below 90 bytes, as sockets lie in it. */
  directory?: string
  /** Program, by default the `swtpm` on the PATH. */
  program?: string
}

const waitMs = 15_000

/** True where {@link startSwtpm} finds its program. */
export function hasSwtpm(): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'swtpm')))
}

/**
 * Starts a software TPM of its own, with TPM2_Startup done: one machine's one boot. It ends with {@link SoftwareTpm.stop}, or with the
 * process that started it.
 *
 * @throws Error with what swtpm said, when it does not come up
 */
export async function startSwtpm(options: SwtpmOptions = {}): Promise<SoftwareTpm> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'swtpm-'))
  mkdirSync(directory, { recursive: true })
  const socket = join(directory, 'sock')
  if (Buffer.byteLength(socket) > 95) throw new Error(`the path of the TPM's socket is too long: ${socket}`)
  rmSync(socket, { force: true })
  rmSync(`${socket}.ctrl`, { force: true })
  const child = spawn(
    options.program ?? 'swtpm',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${directory}`],
      ...['--server', `type=unixio,path=${socket}`],
      ...['--ctrl', `type=unixio,path=${socket}.ctrl`],
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const end = (): void => {
    child.kill()
  }
  process.once('exit', end)
  try {
    await answering(child, socket)
  } catch (error) {
    process.off('exit', end)
    throw error
  }
  return {
    device: `swtpm:${socket}`,
    tcti: `swtpm:path=${socket}`,
    directory,
    pid: child.pid ?? 0,
    stop: async () => {
      process.off('exit', end)
      await ended(child)
    },
  }
}

/**
 * Waits for both sockets: swtpm opens the control socket first and the server socket a moment later. The server socket serves one connection,
 * which must not be ours, so it is looked up in the kernel's list.
 */
async function answering(child: ChildProcess, server: string): Promise<void> {
  const control = `${server}.ctrl`
  let said = ''
  let failed: Error | null = null
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.once('error', (error) => (failed = error))
  for (const until = Date.now() + waitMs; Date.now() < until; await sleep(20)) {
    if (failed !== null) throw failed
    if (child.exitCode !== null) throw new Error(`swtpm ended with ${child.exitCode}: ${said.trim()}`)
    if (existsSync(control) && isListening(server) && (await reaches(control))) return
  }
  await ended(child)
  throw new Error(`swtpm does not answer on ${server} within ${waitMs / 1000} s: ${said.trim()}`)
}

/** True where a socket of that path accepts connections: `/proc/net/unix` shows the flag __SO_ACCEPTCON (proc_net_unix(5)). */
function isListening(path: string): boolean {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .some((line) => line.endsWith(` ${path}`) && line.split(/\s+/)[3] === '00010000')
}

function reaches(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill()
  await exit
}
