import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { InputError, TransportError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { readPem } from '../../encoding/pem.ts'
import { devicePath } from './provider.ts'
import type { TsmOptions } from './tsm-options.ts'

/** The certificates that `snpguest certificates` writes, by file name. */
const kinds: Readonly<Record<string, string>> = { vcek: 'VCEK', vlek: 'VLEK', ask: 'ASK', asvk: 'ASK', ark: 'ARK' }
const limits = { report: 4096, certificate: 32_768, milliseconds: 90_000 } as const
const program = 'snpguest'

/** Kernels before 6.7 give reports by an ioctl only, which Node cannot issue; this program can. True when both are there. */
export async function canUseSnpguest(ports: Ports): Promise<boolean> {
  return (await hasDevice(ports)) && (await ports.exec.find(program)) !== null
}

/** What to add to the reason why configfs-tsm cannot be used, for a kernel that has the older device. */
export async function snpguestHint(ports: Ports): Promise<string> {
  if (!(await hasDevice(ports))) return ''
  return `; ${devicePath('sev_guest', ports)} is there: with ${program} on the PATH an older kernel would do`
}

async function hasDevice(ports: Ports): Promise<boolean> {
  return (await stat(devicePath('sev_guest', ports)).catch(() => null)) !== null
}

/**
 * One report by `snpguest report`, and the host's certificates where it has any.
 *
 * @param reportData up to 64 bytes, zero-padded
 * @throws TransportError `tool-failed`; InputError `unsupported` for what only configfs-tsm can do
 */
export async function snpguestReport(
  reportData: Buffer,
  ports: Ports,
  options: TsmOptions = {},
): Promise<{ report: Buffer; certificates: JsonObject[] }> {
  if (options.service !== undefined) {
    throw new InputError('unsupported', 'a report of the SVSM needs configfs-tsm of Linux 6.10', {
      subject: 'SEALWRIGHT_SNP_SERVICE',
      remedy: 'Leave SEALWRIGHT_SNP_SERVICE out, or use a newer kernel.',
    })
  }
  const folder = await mkdtemp(join(ports.roots.temp, 'sealwright-snpguest-'))
  try {
    const [output, input] = [join(folder, 'report.bin'), join(folder, 'request.bin')]
    const request = Buffer.alloc(64)
    reportData.copy(request)
    await writeFile(input, request)
    // Its default is VMPL 1, whatever the guest runs at.
    const level = String(options.privilegeLevel ?? 0)
    await ports.exec.run(program, ['report', output, input, '--vmpl', level], { timeoutMs: limits.milliseconds })
    const report = await bounded(output, limits.report)
    return { report, certificates: await certificates(join(folder, 'certificates'), ports) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Many hosts load no certificates: then there is a message and no file. */
async function certificates(folder: string, ports: Ports): Promise<JsonObject[]> {
  const { code, stderr } = await ports.exec.run(program, ['certificates', 'DER', folder], {
    timeoutMs: limits.milliseconds,
    allowFailure: true,
  })
  if (code !== 0) {
    ports.log.info(
      `${program} gave no certificates (${stderr.trim().split('\n').at(-1) ?? ''}): the verifier needs them as collateral`,
    )
    return []
  }
  const found: JsonObject[] = []
  for (const name of (await readdir(folder).catch(() => [])).toSorted()) {
    const kind = kinds[name.replace(/\.(der|pem)$/i, '').toLowerCase()]
    if (kind === undefined) continue
    const bytes = await bounded(join(folder, name), limits.certificate)
    const der = bytes[0] === 0x30 ? bytes : (readPem(bytes.toString('latin1'), name)[0]?.bytes ?? bytes)
    found.push({ cert_type: kind, data: [...der] })
  }
  return found
}

async function bounded(path: string, most: number): Promise<Buffer> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new TransportError('tool-failed', `${program} wrote no ${path.split('/').at(-1) ?? ''}`, {
      subject: program,
      cause,
    })
  })
  if (bytes.length <= most) return bytes
  throw new TransportError('tool-failed', `${program} wrote ${bytes.length} bytes`, { subject: program })
}
