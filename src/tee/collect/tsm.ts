import { join } from 'node:path'
import { InputError, SealwrightError, TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { codeOf, isPassing, tsmFailure } from './tsm-errors.ts'
import { kernelFiles, type TsmFiles } from './tsm-files.ts'
import type { TsmOptions } from './tsm-options.ts'

/** What one request to Linux's configfs-tsm gave (tee.md §1.1). */
export interface TsmReport {
  provider: string
  /** The report (SEV-SNP) or quote (TDX). */
  outblob: Buffer
  /** SEV-SNP: the host's certificate table; null where there is none. */
  auxblob: Buffer | null
  /** Manifest of the services that an SVSM reported; null where none was asked for. */
  manifestblob: Buffer | null
}

/** Another writer may disturb a request; the kernel shows it only by `generation`. */
const attempts = 5
const waitMs = 200

/**
 * Asks for one report. The blobs are believed only when `generation` moved by exactly our own writes: configfs drops the driver's answer to a
 * write of a binary attribute, so that a failed one is not seen otherwise.
 *
 * @param reportData up to 64 bytes; zero-padded to the 64 that SEV-SNP and TDX want
 * @throws TransportError `tool-failed`, with the way out; InputError `unsupported` for a privilege level or service that is not to be had
 */
export async function tsmReport(
  reportData: Buffer,
  provider: string,
  ports: Ports,
  files: TsmFiles = kernelFiles,
  options: TsmOptions = {},
): Promise<TsmReport> {
  const request = join(ports.roots.tsm, 'report', `sealwright-${ports.random(8).toString('hex')}`)
  try {
    await files.mkdir(request)
  } catch (cause) {
    throw tsmFailure(cause, 'mkdir')
  }
  try {
    const found = (await files.read(join(request, 'provider'))).toString('latin1').trim()
    if (found !== provider)
      throw new TransportError('tool-failed', `the TEE is ${found}, not ${provider}`, { subject: provider })
    const inblob = Buffer.alloc(64)
    reportData.copy(inblob)
    const writes = [...(await optionWrites(request, files, options)), ['inblob', inblob] as const]
    for (let i = 0; i < attempts; i++) {
      const report = await attempt(request, writes, files, i === attempts - 1)
      if (report !== null) return { provider: found, ...report }
      await ports.clock.sleep(waitMs * 2 ** i)
    }
    throw new TransportError('tool-failed', 'other requests to the TEE kept disturbing ours', {
      subject: request,
      remedy: 'Try again when no other process asks for reports.',
    })
  } catch (cause) {
    throw cause instanceof SealwrightError ? cause : tsmFailure(cause, 'report')
  } finally {
    // Attributes vanish with the folder; they cannot be unlinked.
    await files.rmdir(request).catch(() => {})
  }
}

type Write = readonly [attribute: string, bytes: Buffer]

/** Attributes that come before the report data. A level is a decimal number in ASCII; where no level is known (TDX), none is written. */
async function optionWrites(request: string, files: TsmFiles, options: TsmOptions): Promise<Write[]> {
  const writes: Write[] = []
  const floor = await privilegeFloor(request, files)
  const level = options.privilegeLevel ?? floor
  if (level !== null) {
    if (floor === null) throw unsupported('this TEE has no privilege levels', 'SEALWRIGHT_SNP_VMPL')
    if (level < floor || level > 3)
      throw unsupported(`this guest may ask for VMPL ${floor} to 3, not ${level}`, 'SEALWRIGHT_SNP_VMPL')
    writes.push(['privlevel', Buffer.from(String(level))])
  }
  if (options.service !== undefined) {
    if (!(await files.exists(join(request, 'service_provider'))))
      throw unsupported('no SVSM: it needs Linux 6.10 and a guest at VMPL 1 or above', 'SEALWRIGHT_SNP_SERVICE')
    writes.push(['service_provider', Buffer.from(options.service)])
    if (options.serviceGuid !== undefined) writes.push(['service_guid', Buffer.from(options.serviceGuid)])
  }
  return writes
}

async function privilegeFloor(request: string, files: TsmFiles): Promise<number | null> {
  const text = await optional(files, join(request, 'privlevel_floor'))
  if (text === null) return null
  const floor = text.toString('latin1').trim()
  if (!/^[0-3]$/.test(floor))
    throw new TransportError('tool-failed', 'the TEE has a privilege floor that is no level', { subject: request })
  return Number(floor)
}

/** Null: another attempt may help. On the last one a passing error is final. */
async function attempt(
  request: string,
  writes: readonly Write[],
  files: TsmFiles,
  last: boolean,
): Promise<Omit<TsmReport, 'provider'> | null> {
  const before = await generation(request, files)
  try {
    for (const [attribute, bytes] of writes) await files.write(join(request, attribute), bytes)
    const outblob = await files.read(join(request, 'outblob'))
    const auxblob = await optional(files, join(request, 'auxblob'))
    const asked = writes.some(([attribute]) => attribute === 'service_provider')
    const manifestblob = asked ? await files.read(join(request, 'manifestblob')) : null
    if ((await generation(request, files)) !== before + writes.length) return null
    // Older kernels answer success with nothing in it when the host failed.
    if (outblob.length === 0) throw empty('report', request)
    if (manifestblob?.length === 0) throw empty('service manifest', request)
    return { outblob, auxblob: auxblob === null || auxblob.length === 0 ? null : auxblob, manifestblob }
  } catch (cause) {
    if (!last && isPassing(cause)) return null
    throw cause
  }
}

/** An attribute that this provider need not have. */
async function optional(files: TsmFiles, path: string): Promise<Buffer | null> {
  return files.read(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
}

async function generation(request: string, files: TsmFiles): Promise<number> {
  const text = (await files.read(join(request, 'generation'))).toString('latin1').trim()
  if (!/^\d{1,15}$/.test(text))
    throw new TransportError('tool-failed', 'the TEE has no generation counter', { subject: request })
  return Number(text)
}

function empty(what: string, subject: string): TransportError {
  return new TransportError('tool-failed', `the TEE gave an empty ${what}`, {
    subject,
    remedy: 'The host did not answer; ask its operator whether the quote service runs.',
  })
}

function unsupported(why: string, subject: string): InputError {
  return new InputError('unsupported', why, { subject, remedy: `Leave ${subject} out, or run on a guest that has it.` })
}
