import { mkdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'

/** What one request to Linux's configfs-tsm gave (tee.md §1.1). */
export interface TsmReport {
  provider: string
  /** The report (SEV-SNP) or quote (TDX). */
  outblob: Buffer
  /** SEV-SNP: the host's certificate table; null where there is none. */
  auxblob: Buffer | null
}

/** What a request does with files: Node's own, or in tests a simulation that reproduces the kernel's rules. */
export interface TsmFiles {
  mkdir(path: string): Promise<unknown>
  read(path: string): Promise<Buffer>
  /** One write; the kernel hands it to the driver when the file is closed. */
  write(path: string, bytes: Buffer): Promise<void>
  rmdir(path: string): Promise<void>
}

export const kernelFiles: TsmFiles = {
  mkdir: (path) => mkdir(path),
  read: (path) => readFile(path),
  write: (path, bytes) => writeFile(path, bytes),
  rmdir: (path) => rmdir(path),
}

/** Another writer may disturb a request; the kernel shows it only by `generation`. */
const attempts = 5

/** Null when the folder for reports is there, else what is missing, in one sentence. */
export async function tsmMissing(ports: Ports, technology: string): Promise<string | null> {
  const folder = join(ports.roots.tsm, 'report')
  const found = await stat(folder).catch(() => null)
  if (found?.isDirectory() !== true) {
    return `${technology}: ${folder} is not there; it needs Linux 6.7 or newer in a confidential VM, with configfs mounted and the guest driver loaded`
  }
  return null
}

/**
 * Asks for one report. The blobs are believed only when `generation` moved by exactly our own write: configfs drops the driver's answer to a
 * write, so that a failed one is not seen otherwise.
 *
 * @param reportData up to 64 bytes; zero-padded to the 64 that SEV-SNP and TDX want
 * @throws TransportError `tool-failed`, with the way out
 */
export async function tsmReport(
  reportData: Buffer,
  provider: string,
  ports: Ports,
  files: TsmFiles = kernelFiles,
): Promise<TsmReport> {
  const request = join(ports.roots.tsm, 'report', `sealwright-${ports.random(8).toString('hex')}`)
  try {
    await files.mkdir(request)
  } catch (cause) {
    throw failure(cause, 'mkdir')
  }
  try {
    const found = (await files.read(join(request, 'provider'))).toString('latin1').trim()
    if (found !== provider)
      throw new TransportError('tool-failed', `the TEE is ${found}, not ${provider}`, { subject: provider })
    const inblob = Buffer.alloc(64)
    reportData.copy(inblob)
    for (let i = 0; i < attempts; i++) {
      const report = await attempt(request, inblob, files)
      if (report !== null) return { provider: found, ...report }
    }
    throw new TransportError('tool-failed', 'other requests to the TEE kept disturbing ours', {
      subject: request,
      remedy: 'Try again when no other process asks for reports.',
    })
  } catch (cause) {
    throw cause instanceof TransportError ? cause : failure(cause, 'report')
  } finally {
    // Attributes vanish with the folder; they cannot be unlinked.
    await files.rmdir(request).catch(() => {})
  }
}

async function attempt(
  request: string,
  inblob: Buffer,
  files: TsmFiles,
): Promise<{ outblob: Buffer; auxblob: Buffer | null } | null> {
  const before = await generation(request, files)
  await files.write(join(request, 'inblob'), inblob)
  const outblob = await files.read(join(request, 'outblob'))
  const auxblob = await files.read(join(request, 'auxblob')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if ((await generation(request, files)) !== before + 1) return null
  // Older kernels answer success with nothing in it when the host failed.
  if (outblob.length === 0)
    throw new TransportError('tool-failed', 'the TEE gave an empty report', { subject: request })
  return { outblob, auxblob: auxblob === null || auxblob.length === 0 ? null : auxblob }
}

async function generation(request: string, files: TsmFiles): Promise<number> {
  const text = (await files.read(join(request, 'generation'))).toString('latin1').trim()
  if (!/^\d{1,15}$/.test(text))
    throw new TransportError('tool-failed', 'the TEE has no generation counter', { subject: request })
  return Number(text)
}

const remedies: Record<string, string> = {
  EACCES: 'Run the agent as root, or give its group the right to /sys/kernel/config/tsm/report.',
  EPERM: 'The kernel has no TSM support here: check that this is a confidential VM.',
  ENXIO: 'No TEE driver is bound: load sev-guest or tdx_guest.',
  EBUSY: 'Another request is in flight: try again.',
  EIO: 'The host gave no quote: ask its operator whether the quote service runs.',
  ETIMEDOUT: 'The host gave no answer within the kernel’s 30 s: try again.',
  ENOTTY: 'The key to the firmware was wiped: reboot this VM.',
}

function failure(cause: unknown, what: string): TransportError {
  const code = (cause as NodeJS.ErrnoException).code ?? ''
  return new TransportError('tool-failed', `the TEE's ${what} request failed (${code === '' ? String(cause) : code})`, {
    subject: 'configfs-tsm',
    cause,
    remedy: remedies[code] ?? 'Look into the kernel log of this machine.',
  })
}
