import { needsConfiguration, type TdxStatus } from './status.ts'
import type { PartLevel, PlatformStatus, TcbInfo } from './tcb-info.ts'
import { descending, moduleIdentity } from './tcb-level.ts'

export interface RelaunchInput {
  info: TcbInfo
  /** TEE_TCB_SVN2: what the module that runs now could give. */
  teeTcbSvn2: Uint8Array
  sgx: PlatformStatus
  /** TDX status after the module's was merged. */
  tdx: TdxStatus
  module: PartLevel['tcbStatus']
  qe: PartLevel['tcbStatus']
}

/**
 * A TD that began under an old module, on a machine whose module was updated since, is out of date until it is started anew (Intel QVL,
 * 4.1.2.4.17.4.3). Anything else that is wrong with the machine keeps its own status.
 */
export function relaunch({ info, teeTcbSvn2, sgx, tdx, module, qe }: RelaunchInput): TdxStatus {
  const oldTd = tdx === 'OutOfDate' || tdx === 'OutOfDateConfigurationNeeded'
  const goodMachine = sgx !== 'Revoked' && !sgx.startsWith('OutOfDate') && qe === 'UpToDate'
  if (!oldTd || !goodMachine || module !== 'OutOfDate') return tdx
  const [minor = 0, major = 0, microcode = 0] = teeTcbSvn2
  const latest = descending(info.tcbLevels)[0]?.tcb.tdxtcbcomponents
  const identity = moduleIdentity(info, major)
  const newest = Math.max(...(identity?.levels ?? []).map(({ tcb }) => tcb.isvsvn))
  const wanted = major === 0 ? (latest?.[0]?.svn ?? Infinity) : newest
  const current = identity !== null && minor >= wanted && microcode >= (latest?.[2]?.svn ?? Infinity)
  if (!current) return tdx
  return needsConfiguration(sgx) || needsConfiguration(tdx)
    ? 'TDRelaunchAdvisedConfigurationNeeded'
    : 'TDRelaunchAdvised'
}
