import { join } from 'node:path'
import { toBase64 } from '../../encoding/base64.ts'
import { openRtmr3 } from '../register/index.ts'
import type { Collector } from '../types.ts'
import { bootLog, ccelLog } from './logs.ts'
import { providerMissing } from './provider.ts'
import { wholeLog } from './tdx-log.ts'
import type { TsmFiles } from './tsm-files.ts'
import { tsmReport } from './tsm.ts'

/** Intel TDX by configfs-tsm; evidence as Trustee takes it (coco.md §7.2), with the firmware's event log where there is one. */
export const tdxCollector = (files?: TsmFiles): Collector => ({
  technology: 'tdx',
  missing: (ports) => providerMissing('tdx', 'tdx_guest', ports),
  collect: async (reportData, ports, runtimeLog) => {
    const { outblob } = await tsmReport(reportData, 'tdx_guest', ports, files)
    const ccel = await ccelLog(ports)
    const log = wholeLog(ccel, runtimeLog)
    return {
      technology: 'tdx',
      evidence: { cc_eventlog: log === null ? null : toBase64(log), quote: toBase64(outblob) },
      documents: {
        'tsm-outblob': toBase64(outblob),
        ...(ccel === null ? {} : { ccel: toBase64(ccel) }),
        ...(await bootLog(ports)),
        ...(runtimeLog === undefined ? {} : { 'runtime-log': toBase64(runtimeLog) }),
      },
    }
  },
  openRegister: async (ports) => {
    const register = await openRtmr3(await ccelLog(ports), ports)
    if (register === null) {
      ports.log.warn(
        `no runtime register: ${join(ports.roots.misc, 'tdx_guest/measurements')} needs Linux 6.16 or newer with CONFIG_TSM_MEASUREMENTS; a gate refuses this machine unless its policy says accept-no-register`,
      )
    }
    return register
  },
})
