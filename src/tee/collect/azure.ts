import { SealwrightError, TransportError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { toBase64 } from '../../encoding/base64.ts'
import type { UseTpm } from '../register/index.ts'
import { openTpm, tpmAddress, tpmMissing } from '../tpm/open.ts'
import type { Tpm } from '../tpm/tpm.ts'
import type { Collector, TeeEvidence } from '../types.ts'
import type { AzureTechnology } from '../verify/azure/evidence.ts'
import type { HclReport } from '../verify/azure/hcl.ts'
import { parseSignature } from '../verify/tpm/signature.ts'
import { azureKey, azureQuote, boundReport, readHcl } from './azure-vtpm.ts'
import { cutImaLog } from './ima-cut.ts'
import { amdCertification, tdQuote } from './imds.ts'
import { firmwareLogs } from './logs.ts'
import { openTpmRegister } from './tpm-register.ts'

const kinds = { 'az-snp-vtpm': 'snp', 'az-tdx-vtpm': 'tdx' } as const

export interface AzureSettings {
  /** `tpm-device`; empty for the machine's own. */
  tpmDevice?: string | undefined
  /** `pcr8` to `pcr15`; empty for `pcr14`. */
  register?: string | undefined
  /** Opens the vTPM; tests put a simulation in its place. */
  open?: (ports: Ports) => Promise<Tpm>
}

/**
 * Azure's confidential VM through its vTPM: data to the paravisor, its hardware report again, a quote by the paravisor's key over the same
 * data, then the certificate (SNP) or the quote (TDX) from the host. Evidence in CoCo's form, version 2 (coco.md §7.2).
 */
export function azureCollector(technology: AzureTechnology, settings: AzureSettings = {}): Collector {
  const { tpmDevice = '', register = '' } = settings
  const open = settings.open ?? ((ports: Ports) => openTpm(tpmAddress(tpmDevice, ports), ports))
  const useWith =
    (ports: Ports): UseTpm =>
    async (use) => {
      const tpm = await open(ports)
      try {
        return await use(tpm)
      } finally {
        await tpm.close()
      }
    }
  return {
    technology,
    missing: async (ports) => {
      const why = settings.open === undefined ? await tpmMissing(tpmAddress(tpmDevice, ports)) : null
      if (why !== null) return `${technology}: ${why}`
      try {
        return reasonAgainst(technology, await useWith(ports)(readHcl))
      } catch (error) {
        if (error instanceof SealwrightError) return `${technology}: ${error.message}`
        throw error
      }
    },
    collect: (reportData, ports, runtimeLog) => collect(technology, reportData, ports, useWith(ports), runtimeLog),
    openRegister: (ports) => openTpmRegister(tpmDevice, register, useWith(ports), ports),
  }
}

function reasonAgainst(technology: AzureTechnology, report: { hcl: HclReport } | null): string | null {
  if (report === null)
    return `${technology}: the TPM has no HCL report (NV 0x01400001): this is no confidential VM of Azure`
  const { kind } = report.hcl
  return kind === kinds[technology] ? null : `${technology}: the HCL report is one of ${kind}`
}

async function collect(
  technology: AzureTechnology,
  reportData: Buffer,
  ports: Ports,
  useTpm: UseTpm,
  runtimeLog: Buffer | undefined,
): Promise<TeeEvidence> {
  const against = reasonAgainst(technology, await useTpm(readHcl))
  if (against !== null)
    throw new TransportError('tool-failed', against, {
      subject: technology,
      remedy: 'Choose the technology of this VM, or auto.',
    })
  const { bytes, hcl } = await boundReport(reportData, useTpm, ports.clock)
  const { key, quote } = await useTpm(async (tpm) => ({
    key: await azureKey(tpm, hcl),
    quote: await azureQuote(tpm, reportData),
  }))
  const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex')
  const signature = parseSignature(quote.signature)
  if (signature.scheme !== 'rsassa' || signature.hash !== 'sha256') {
    throw new TransportError('tool-failed', `the vTPM quotes by ${signature.scheme}-${signature.hash}`, {
      subject: technology,
      remedy: 'CoCo’s form of this evidence knows RSASSA with SHA-256 only: redeploy the VM.',
    })
  }
  const evidence: JsonObject = {
    version: 2,
    tpm_quote: {
      signature: hex(signature.bytes),
      message: hex(quote.message),
      pcrs: [...quote.values].toSorted(([a], [b]) => a - b).map(([, value]) => hex(value)),
    },
    hcl_report: paddedUrl(bytes),
    ...(technology === 'az-snp-vtpm'
      ? { vcek: paddedUrl(await amdCertification(ports)) }
      : { td_quote: paddedUrl(await tdQuote(hcl.hardware, ports)) }),
  }
  const documents = {
    'ak-tpmt': toBase64(key.area),
    ...cutImaLog(await firmwareLogs(ports), quote.values, ports.log),
    ...(runtimeLog === undefined ? {} : { 'runtime-log': toBase64(runtimeLog) }),
  }
  return { technology, evidence, documents }
}

/** The URL alphabet with padding, as CoCo writes it. */
function paddedUrl(bytes: Buffer): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_')
}
