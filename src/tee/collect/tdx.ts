import { toBase64 } from '../../encoding/base64.ts'
import type { Collector } from '../types.ts'
import { ccelLog, firmwareLogs } from './logs.ts'
import { providerMissing } from './provider.ts'
import type { TsmFiles } from './tsm-files.ts'
import { tsmReport } from './tsm.ts'

/** Intel TDX by configfs-tsm; evidence as Trustee takes it (coco.md §7.2), with the firmware's event log where there is one. */
export const tdxCollector = (files?: TsmFiles): Collector => ({
  technology: 'tdx',
  missing: (ports) => providerMissing('tdx', 'tdx_guest', ports),
  collect: async (reportData, ports) => {
    const { outblob } = await tsmReport(reportData, 'tdx_guest', ports, files)
    const log = await ccelLog(ports)
    return {
      technology: 'tdx',
      evidence: { cc_eventlog: log === null ? null : toBase64(log), quote: toBase64(outblob) },
      documents: {
        'tsm-outblob': toBase64(outblob),
        ...(log === null ? {} : { ccel: toBase64(log) }),
        ...(await firmwareLogs(ports)),
      },
    }
  },
})
