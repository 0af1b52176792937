import type { TdxCollateral } from '../verify/tdx/collateral.ts'
import { parseQeIdentity } from '../verify/tdx/qe-identity.ts'
import { parseTcbInfo } from '../verify/tdx/tcb-info.ts'
import { parseCrl } from '../../encoding/x509/crl.ts'

export interface SetDates {
  fmspc: Buffer
  pckIssuer: Buffer
  issued: Date
  /** Latest beginning and earliest end of all that is in the set. */
  begins: Date
  ends: Date
}

/** What a set is of, and when it holds; null when a part of it cannot be read. */
export function readDates(set: TdxCollateral): SetDates | null {
  try {
    const info = parseTcbInfo(set.tcbInfo.bytes)
    const identity = parseQeIdentity(set.qeIdentity.bytes)
    const root = parseCrl(set.rootCrl, 'root CRL')
    const pck = parseCrl(set.pckCrl, 'PCK CRL')
    const begins = [info.issueDate, identity.issueDate, root.thisUpdate, pck.thisUpdate]
    const ends = [info.nextUpdate, identity.nextUpdate, root.nextUpdate, pck.nextUpdate]
    return {
      fmspc: info.fmspc,
      pckIssuer: pck.issuer,
      issued: info.issueDate,
      begins: new Date(Math.max(...begins.map(Number))),
      ends: new Date(Math.min(...ends.map(Number))),
    }
  } catch {
    return null
  }
}
