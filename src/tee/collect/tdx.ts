import { toBase64 } from '../../encoding/base64.ts'
import type { Collector } from '../types.ts'
import { providerMissing } from './provider.ts'
import { tsmReport, type TsmFiles } from './tsm.ts'

/** Intel TDX by configfs-tsm; evidence as Trustee takes it (coco.md §7.2), without an event log. */
export const tdxCollector = (files?: TsmFiles): Collector => ({
  technology: 'tdx',
  missing: (ports) => providerMissing('tdx', 'tdx_guest', ports),
  collect: async (reportData, ports) => {
    const { outblob } = await tsmReport(reportData, 'tdx_guest', ports, files)
    return {
      technology: 'tdx',
      evidence: { cc_eventlog: null, quote: toBase64(outblob) },
      documents: { 'tsm-outblob': toBase64(outblob) },
    }
  },
})
