import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { parseEventLog } from '../eventlog/parse.ts'
import { codeOf } from './tsm-errors.ts'

/** Evidence with all its documents travels as one blob of the image: a log above this is left out, and said. */
const limits = { firmware: 1 << 20, ima: 4 << 20, ccel: 1 << 20 } as const
const chunk = 65_536

/** Logs that a quote over PCRs vouches for, by document name: `tcg-event-log` and `ima-log`, each where this kernel shows one. */
export async function firmwareLogs(ports: Ports): Promise<Record<string, string>> {
  const ima = join(ports.roots.securityfs, 'ima/binary_runtime_measurements')
  return { ...(await bootLog(ports)), ...(await logDocument('ima-log', ima, limits.ima, ports)) }
}

/**
 * The boot log of a vTPM beside a TEE whose report holds no PCRs: for reading only. IMA's list, which grows with each file that was run, stays
 * behind where nothing vouches for it.
 */
export async function bootLog(ports: Ports): Promise<Record<string, string>> {
  const path = join(ports.roots.securityfs, 'tpm0/binary_bios_measurements')
  return logDocument('tcg-event-log', path, limits.firmware, ports)
}

/**
 * The event log of a TD without the padding of its ACPI area, or null where the firmware left none. A log that cannot be read is an error: a
 * register without its log would be refused much later, and for no visible reason.
 *
 * @throws VerificationError `format-invalid` with the offset
 */
export async function ccelLog(ports: Ports): Promise<Buffer | null> {
  const path = join(ports.roots.acpi, 'data/CCEL')
  const area = await readAll(path, limits.ccel, ports)
  if (area === null || area.length === 0) return null
  return area.subarray(0, parseEventLog(area, 'ccel', path).bytes)
}

async function logDocument(name: string, path: string, most: number, ports: Ports): Promise<Record<string, string>> {
  const bytes = await readAll(path, most, ports)
  return bytes === null || bytes.length === 0 ? {} : { [name]: toBase64(bytes) }
}

/** Reads to the end, since files of securityfs say they have no size. Null where there is none or it may not be read. */
async function readAll(path: string, most: number, ports: Ports): Promise<Buffer | null> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EACCES' || code === 'EPERM') {
      ports.log.warn(`${path} may not be read by this user: evidence goes without it`)
      return null
    }
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw failure(path, error)
  }
  try {
    const parts: Buffer[] = []
    let size = 0
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(chunk), 0, chunk, null)
      if (bytesRead === 0) return Buffer.concat(parts)
      parts.push(buffer.subarray(0, bytesRead))
      size += bytesRead
      if (size > most) {
        ports.log.warn(`${path} has more than ${most} bytes: evidence goes without it`)
        return null
      }
    }
  } catch (error) {
    throw failure(path, error)
  } finally {
    await file.close()
  }
}

function failure(path: string, cause: unknown): TransportError {
  return new TransportError('tool-failed', `${path} cannot be read (${codeOf(cause)})`, {
    subject: path,
    cause,
    remedy: 'Look into the kernel log of this machine.',
  })
}
