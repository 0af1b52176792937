import type { TdxCollateral } from '../verify/tdx/collateral.ts'
import { parseQeIdentity } from '../verify/tdx/qe-identity.ts'
import { parseTcbInfo } from '../verify/tdx/tcb-info.ts'
import { parseCrl } from '../verify/x509/crl.ts'

/** Of what platform collateral is wanted. */
export interface IntelWish {
  /** 6 bytes. */
  fmspc: Buffer
  /** Name in DER of who issued the PCK certificate: its list must be the one in the set. */
  issuer: Buffer
  at: Date
}

/**
 * The set for a platform: of its FMSPC and with the list of its PCK's CA, one that is inside all its windows before one that is not, then
 * the newest. Null when there is none of this FMSPC. A set that cannot be read is no candidate; nothing is believed by this choice.
 */
export function selectIntel(sets: readonly TdxCollateral[], { fmspc, issuer, at }: IntelWish): TdxCollateral | null {
  const ranked = sets.flatMap((set) => {
    const dates = readDates(set)
    if (dates?.fmspc.equals(fmspc) !== true) return []
    const rank = (dates.pckIssuer.equals(issuer) ? 2 : 0) + (at >= dates.begins && at <= dates.ends ? 1 : 0)
    return [{ set, rank, issued: Number(dates.issued) }]
  })
  return ranked.toSorted((a, b) => b.rank - a.rank || b.issued - a.issued)[0]?.set ?? null
}

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
