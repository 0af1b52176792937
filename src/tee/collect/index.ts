import { InternalError, VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { Technology } from '../../base/technology.ts'
import type { KeyKind } from '../tpm/templates.ts'
import { carrying } from '../collateral/carry.ts'
import type { Collector } from '../types.ts'
import { azureCollector } from './azure.ts'
import { sample } from './sample.ts'
import { snpCollector } from './snp.ts'
import { tdxCollector } from './tdx.ts'
import { tpmCollector } from './tpm.ts'

/** What a machine's admin or a workflow chooses of a TEE; each has a default that fits most machines. */
export interface CollectorOptions {
  /** `tpm-device`: empty for the machine's own TPM, a path, `swtpm:SOCKET`. */
  tpmDevice?: string | undefined
  /** Runtime register of a TPM: `pcr14` by default, another of `pcr8` to `pcr15`. */
  register?: string | undefined
  /** File of the activation record of a TPM's attestation key. */
  akActivation?: string | undefined
  /** Kind of a TPM's attestation key; empty for P-256 where the TPM has it. */
  tpmKey?: '' | KeyKind | undefined
  /** Folder or file of collateral that travels with the evidence; empty for none. */
  collateral?: string | undefined
}

/** One collector a technology. Nothing is opened or asked here. */
export function collectorsFor(options: CollectorOptions): Readonly<Record<Technology, Collector>> {
  const { tpmDevice, register, akActivation: activation, tpmKey } = options
  return {
    snp: snpCollector(),
    tdx: tdxCollector(),
    'az-snp-vtpm': azureCollector('az-snp-vtpm', { tpmDevice, register }),
    'az-tdx-vtpm': azureCollector('az-tdx-vtpm', { tpmDevice, register }),
    tpm: tpmCollector({ device: tpmDevice, register, activation, key: tpmKey === '' ? undefined : tpmKey }),
    sample,
  }
}

/** What `auto` tries, strongest first. Never `sample`: who wants no proof must say so. */
const automatic: readonly Technology[] = ['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm', 'tpm']

/**
 * The collector to use.
 *
 * @throws VerificationError `technology-refused` when it cannot work here, naming what is missing for each technology
 */
export async function chooseCollector(
  wanted: Technology | 'auto',
  ports: Ports,
  options: CollectorOptions = {},
): Promise<Collector> {
  const collectors = collectorsFor(options)
  const missing: string[] = []
  for (const technology of wanted === 'auto' ? automatic : [wanted]) {
    const why = await collectors[technology].missing(ports)
    if (why === null) return carrying(collectors[technology], options.collateral ? [options.collateral] : [])
    missing.push(why)
  }
  throw new VerificationError(
    'technology-refused',
    `no TEE can be used here:\n${missing.map((why) => `- ${why}`).join('\n')}`,
    {
      subject: wanted,
      remedy: 'Run on a confidential VM. For a trial without any proof, set technology: sample.',
    },
  )
}

/** Checks what every technology needs before a TEE is asked. */
export function checkReportData(reportData: Buffer): void {
  if (reportData.length !== 48) throw new InternalError(`report data has ${reportData.length} bytes, not 48`)
}
