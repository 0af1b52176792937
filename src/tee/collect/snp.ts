import { TransportError } from '../../base/errors.ts'
import { toBase64 } from '../../encoding/base64.ts'
import type { Collector } from '../types.ts'
import { providerMissing } from './provider.ts'
import { snpCertificates, snpReportJson } from './snp-json.ts'
import { tsmReport, type TsmFiles } from './tsm.ts'

/** AMD SEV-SNP by configfs-tsm; evidence as Trustee takes it (coco.md §7.2), the raw blobs beside it. */
export const snpCollector = (files?: TsmFiles): Collector => ({
  technology: 'snp',
  missing: (ports) => providerMissing('snp', 'sev_guest', ports),
  collect: async (reportData, ports) => {
    const { outblob, auxblob } = await tsmReport(reportData, 'sev_guest', ports, files)
    if (outblob.length < 1184) {
      throw new TransportError('tool-failed', `the report has ${outblob.length} bytes, not 1184`, { subject: 'snp' })
    }
    const certificates = auxblob === null ? [] : snpCertificates(auxblob)
    return {
      technology: 'snp',
      evidence: {
        attestation_report: snpReportJson(outblob.subarray(0, 1184)),
        cert_chain: certificates.length === 0 ? null : certificates,
      },
      documents: {
        'tsm-outblob': toBase64(outblob),
        ...(auxblob === null ? {} : { 'tsm-auxblob': toBase64(auxblob) }),
      },
    }
  },
})
