import { access, constants } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { isLoopback } from '../../base/loopback.ts'
import type { Ports } from '../../base/ports.ts'
import { deviceTransport, openRemedy } from './device-transport.ts'
import { socketTransport, type SocketAddress } from './socket-transport.ts'
import { Tpm } from './tpm.ts'

/** Where a TPM is: a device, or the command socket of a software TPM. */
export type TpmAddress = { kind: 'device'; path: string } | { kind: 'swtpm'; address: SocketAddress }

/**
 * Reads `tpm-device`: empty for the machine's own (`tpmrm0`), a path, `swtpm:PATH`, or `swtpm:HOST:PORT` on loopback.
 *
 * @throws InputError `input-invalid`
 */
export function tpmAddress(text: string, ports: Ports): TpmAddress {
  if (text === '') return { kind: 'device', path: join(ports.roots.dev, 'tpmrm0') }
  if (!text.startsWith('swtpm:')) {
    if (isAbsolute(text) && !text.includes('\0')) return { kind: 'device', path: text }
    throw invalid(text)
  }
  const rest = text.slice('swtpm:'.length)
  if (isAbsolute(rest) && !rest.includes('\0')) return { kind: 'swtpm', address: { path: rest } }
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(rest) ?? []
  if (!isLoopback(host) || Number(port) < 1 || Number(port) > 65_535) throw invalid(text)
  return { kind: 'swtpm', address: { host: host.replace(/[[\]]/g, ''), port: Number(port) } }
}

function invalid(text: string): InputError {
  return new InputError('input-invalid', `tpm-device: ${JSON.stringify(text)} names no TPM`, {
    subject: 'tpm-device',
    remedy: 'Write the absolute path of a device (/dev/tpmrm0), swtpm:/PATH/OF/SOCKET, or swtpm:127.0.0.1:PORT.',
  })
}

/** Null when the TPM is there and may be opened; otherwise what is missing, in one sentence. No command is sent. */
export async function tpmMissing(address: TpmAddress): Promise<string | null> {
  const path = address.kind === 'device' ? address.path : 'path' in address.address ? address.address.path : null
  if (path === null) return null
  try {
    await access(path, constants.R_OK | constants.W_OK)
    return null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (address.kind === 'swtpm') {
      return `the socket ${path} of the software TPM is not there or not ours (${code}). Start swtpm first, as docs/tpm.md shows, and name the socket of its --server`
    }
    const what = code === 'ENOENT' ? 'is not there' : `may not be opened (${code})`
    return `the device ${path} ${what}. ${openRemedy(code)}`
  }
}

/** Opens a TPM for one operation. Close it. @throws TransportError `tool-failed` */
export async function openTpm(address: TpmAddress, ports: Ports): Promise<Tpm> {
  const transport =
    address.kind === 'device' ? await deviceTransport(address.path) : await socketTransport(address.address)
  return new Tpm(transport, ports.clock)
}

/** Opens, uses and closes. */
export async function withTpm<T>(address: TpmAddress, ports: Ports, use: (tpm: Tpm) => Promise<T>): Promise<T> {
  const tpm = await openTpm(address, ports)
  try {
    return await use(tpm)
  } finally {
    await tpm.close()
  }
}
