import type { TdxStatus } from '../verify/tdx/status.ts'
import type { LogFacts } from './log.ts'

/** What a quote states. Byte strings and 64-bit values are lower-case hex. */
export interface TdxQuoteFacts {
  version: number
  'body-type': number
  'tee-tcb-svn': string
  'mr-seam': string
  'mr-signer-seam': string
  'seam-attributes': string
  'td-attributes': string
  'td-attributes-set': string[]
  debug: boolean
  'sept-ve-disable': boolean
  migratable: boolean
  xfam: string
  'mr-td': string
  'mr-config-id': string
  'mr-owner': string
  'mr-owner-config': string
  rtmr: string[]
  'report-data': string
  'tee-tcb-svn2': string | null
  'mr-service-td': string | null
  'user-data': string
  'qe-mr-enclave': string
  'qe-isv-svn': number
  'trailing-bytes': number
  'trailing-zero': boolean
}

/** What the PCK certificate states of the platform. */
export interface TdxPlatformFacts {
  ppid: string
  fmspc: string
  'pce-id': string
  'pce-svn': number
  'sgx-components': number[]
  'sgx-type': number
  'platform-instance-id': string | null
}

/** What Intel's collateral states of the platform's security version. */
export interface TdxTcbFacts {
  'tcb-status': TdxStatus
  'tcb-status-platform': TdxStatus
  /** Null for a module before identities. */
  'tcb-status-module': TdxStatus | null
  'tcb-status-qe': TdxStatus
  /** RFC 3339, UTC. */
  'tcb-date': string
  advisories: string[]
  'tcb-evaluation': number
}

export interface TdxFacts {
  quote: TdxQuoteFacts
  /** Null where the PCK certificate chain does not hold. */
  platform: TdxPlatformFacts | null
  /** Whether the collateral is current; null where there is none. */
  collateral: string | null
  /** Null where Intel's collateral lists no such module. */
  module: string | null
  /** Null where no level of Intel's list is reached. */
  tcb: TdxTcbFacts | null
  /** Null where no log travels with the quote, or it does not lead to the registers. */
  log: LogFacts | null
}
