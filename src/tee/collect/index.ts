import { InternalError, VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { Technology } from '../../base/technology.ts'
import type { TeeChoice } from '../choice.ts'
import { carrying } from '../collateral/carry.ts'
import type { Collector } from '../types.ts'
import { azureCollector } from './azure.ts'
import { sample } from './sample.ts'
import { snpCollector } from './snp.ts'
import { tdxCollector } from './tdx.ts'
import { tpmCollector } from './tpm.ts'

/** One collector a technology. Nothing is opened or asked here. */
export function collectorsFor(choice: Partial<TeeChoice>): Readonly<Record<Technology, Collector>> {
  const { tpmDevice, register, akActivation: activation, tpmKey } = choice
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
  choice: Partial<TeeChoice> = {},
): Promise<Collector> {
  const collectors = collectorsFor(choice)
  const missing: string[] = []
  for (const technology of wanted === 'auto' ? automatic : [wanted]) {
    const why = await collectors[technology].missing(ports)
    if (why === null) return carrying(collectors[technology], choice.collateral ? [choice.collateral] : [])
    missing.push(why)
  }
  throw new VerificationError(
    'technology-refused',
    `no TEE can be used here:\n${missing.map((why) => `- ${why}`).join('\n')}`,
    {
      subject: wanted,
      remedy: 'Run on a confidential VM. For a trial without any proof, set `technology: sample`.',
    },
  )
}

/** Checks what every technology needs before a TEE is asked. */
export function checkReportData(reportData: Buffer): void {
  if (reportData.length !== 48) throw new InternalError(`report data has ${reportData.length} bytes, not 48`)
}
