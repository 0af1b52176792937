import type { PartLevel, PlatformStatus } from './tcb-info.ts'

/** A platform's status, or that a TD only has to be started anew to run under the present module. */
export const tdxStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'TDRelaunchAdvised',
  'TDRelaunchAdvisedConfigurationNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const
export type TdxStatus = (typeof tdxStatuses)[number]

/**
 * The status of the whole when one part of it has its own (Intel QVL, TcbLevelCheck and TdxModuleCheck): revoked wins, and what is out of
 * date makes the whole out of date. A part that is up to date changes nothing.
 */
export function converge(whole: TdxStatus, part: PartLevel['tcbStatus']): TdxStatus {
  if (part === 'Revoked' || whole === 'Revoked') return 'Revoked'
  if (part === 'UpToDate') return whole
  switch (whole) {
    case 'UpToDate':
    case 'SWHardeningNeeded':
      return 'OutOfDate'
    case 'ConfigurationNeeded':
    case 'ConfigurationAndSWHardeningNeeded':
      return 'OutOfDateConfigurationNeeded'
    case 'TDRelaunchAdvised':
    case 'TDRelaunchAdvisedConfigurationNeeded':
    case 'OutOfDate':
    case 'OutOfDateConfigurationNeeded':
      return whole
  }
}

/** Whether a status asks for a change of the platform's configuration. */
export function needsConfiguration(status: PlatformStatus | TdxStatus): boolean {
  return status.startsWith('Configuration') || status.endsWith('ConfigurationNeeded')
}
