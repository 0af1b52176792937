import { TransportError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { toBase64 } from '../../encoding/base64.ts'
import type { Collector } from '../types.ts'
import { bootLog } from './logs.ts'
import { providerMissing } from './provider.ts'
import { canUseSnpguest, snpguestHint, snpguestReport } from './snpguest.ts'
import { snpCertificates } from '../verify/snp/certificate-table.ts'
import { snpReportJson } from './snp-json.ts'
import type { TsmFiles } from './tsm-files.ts'
import { tsmOptions } from './tsm-options.ts'
import { tsmReport, type TsmReport } from './tsm.ts'

const reportSize = 1184
const dataOffset = 0x50

/** AMD SEV-SNP by configfs-tsm, on older kernels by `snpguest`; evidence as Trustee takes it (coco.md §7.2), the raw blobs beside it. */
export const snpCollector = (files?: TsmFiles): Collector => ({
  technology: 'snp',
  missing: async (ports) => {
    const why = await providerMissing('snp', 'sev_guest', ports)
    if (why === null || (await canUseSnpguest(ports))) return null
    return why + (await snpguestHint(ports))
  },
  collect: async (reportData, ports) => {
    const taken = await takeReport(reportData, ports, files)
    const { outblob, auxblob, manifestblob, certificates } = taken
    if (outblob.length < reportSize) {
      throw new TransportError('tool-failed', `the report has ${outblob.length} bytes, not ${reportSize}`, {
        subject: 'snp',
      })
    }
    const report = outblob.subarray(0, reportSize)
    // An SVSM signs a hash over the report data and its manifest instead.
    if (manifestblob === null) checkAnswer(report, reportData)
    else ports.log.warn('the report is over a manifest of the SVSM: the gate of this version refuses it (report-data)')
    const key = certificates.find(({ cert_type: kind }) => kind === 'VCEK' || kind === 'VLEK')
    return {
      technology: 'snp',
      evidence: {
        attestation_report: snpReportJson(report),
        cert_chain: certificates.length === 0 ? null : certificates,
      },
      documents: {
        'tsm-outblob': toBase64(outblob),
        ...(auxblob === null ? {} : { 'tsm-auxblob': toBase64(auxblob) }),
        ...(manifestblob === null ? {} : { 'tsm-manifestblob': toBase64(manifestblob) }),
        ...(key === undefined ? {} : { 'collateral-amd-vcek': toBase64(Buffer.from(key['data'] as number[])) }),
        ...(await bootLog(ports)),
      },
    }
  },
})

async function takeReport(
  reportData: Buffer,
  ports: Ports,
  files: TsmFiles | undefined,
): Promise<Omit<TsmReport, 'provider'> & { certificates: JsonObject[] }> {
  const options = tsmOptions(ports)
  if ((await providerMissing('snp', 'sev_guest', ports)) !== null && (await canUseSnpguest(ports))) {
    const { report, certificates } = await snpguestReport(reportData, ports, options)
    return { outblob: report, auxblob: null, manifestblob: null, certificates }
  }
  const taken = await tsmReport(reportData, 'sev_guest', ports, files, options)
  return { ...taken, certificates: taken.auxblob === null ? [] : snpCertificates(taken.auxblob) }
}

/** A report over other data is useless, and the gate would only say so much later. */
function checkAnswer(report: Buffer, reportData: Buffer): void {
  const wanted = Buffer.alloc(64)
  reportData.copy(wanted)
  if (report.subarray(dataOffset, dataOffset + 64).equals(wanted)) return
  throw new TransportError('tool-failed', 'the TEE reported over other data than was asked for', {
    subject: 'snp',
    remedy: 'Try again; if it stays so, the guest’s driver or snpguest is defective.',
  })
}
