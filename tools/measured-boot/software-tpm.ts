import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { InputError } from '../../src/base/errors.ts'
import { keepSha256Bank } from './banks.ts'
import { endsWithUs } from './children.ts'
import { program } from './programs.ts'

/**
 * A new, empty software TPM for one machine.
 *
 * @param state folder of its state, made here
 * @param sockets folder with a short path
 * @returns its process, and the control socket that QEMU connects to; it ends when QEMU does
 * @throws InputError `tool-missing`; TransportError
 */
export async function startSoftwareTpm(
  state: string,
  sockets: string,
): Promise<{ child: ChildProcess; socket: string }> {
  mkdirSync(state)
  const server = join(sockets, 'server')
  const first = start(state, ['--server', `type=unixio,path=${server}`, '--flags', 'not-need-init'])
  await appears(server, first)
  await keepSha256Bank(server)
  // It ends by itself when its one connection does.
  if (first.exitCode === null) await once(first, 'close', { signal: AbortSignal.timeout(15_000) })
  const socket = join(sockets, 'control')
  const child = start(state, ['--ctrl', `type=unixio,path=${socket}`])
  await appears(socket, child)
  return { child, socket }
}

function start(state: string, more: readonly string[]): ChildProcess {
  const args = ['socket', '--tpm2', '--tpmstate', `dir=${state}`, '--terminate', ...more]
  return endsWithUs(spawn(program('swtpm'), args, { stdio: 'ignore' }))
}

async function appears(path: string, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 200 && child.exitCode === null; i += 1) {
    if (existsSync(path)) return
    await sleep(50)
  }
  throw new InputError('tool-missing', 'swtpm did not start', { subject: 'swtpm', remedy: 'Run scripts/peers.' })
}
