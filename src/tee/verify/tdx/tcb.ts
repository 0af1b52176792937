import { VerificationError } from '../../../base/errors.ts'
import type { PckFacts } from './pck.ts'
import type { QeIdentity } from './qe-identity.ts'
import { masked } from './quoting-enclave.ts'
import type { TdxQuote } from './quote.ts'
import { relaunch } from './relaunch.ts'
import { converge, type TdxStatus } from './status.ts'
import type { PartLevel, TcbInfo } from './tcb-info.ts'
import {
  descending,
  lacking,
  matchLevels,
  moduleIdentity,
  partLevel,
  type ComponentRule,
  type ModuleIdentity,
} from './tcb-level.ts'

/** The module that made the report is one of Intel's list and signed as that says. @throws VerificationError `evidence-invalid` */
export function checkModule({ body }: TdxQuote, info: TcbInfo): ModuleIdentity {
  const identity = moduleIdentity(info, body.teeTcbSvn[1] ?? 0)
  if (identity === null) throw invalid(`TCB info has no single identity of module version ${body.teeTcbSvn[1]}`)
  const { id, signer } = identity
  if (!body.mrSignerSeam.equals(signer.mrsigner)) throw invalid(`MRSIGNERSEAM is not that of ${id}`)
  // Byte by byte; all of Intel's are zero so far, so the order of the bytes has not shown yet. Intel's library wants them equal, whatever the mask.
  if (
    !masked(body.seamAttributes, signer.attributesMask, signer.attributes) ||
    !body.seamAttributes.equals(signer.attributes)
  ) {
    throw invalid(`SEAM attributes are not those of ${id}`)
  }
  return identity
}

export interface TcbResult {
  status: TdxStatus
  platform: TdxStatus
  /** Null for a module before identities. */
  module: TdxStatus | null
  qe: TdxStatus
  /** Date of the platform's level. */
  date: Date
  /** What keeps the machine from the newest level that is up to date, in words. */
  below: string[]
  /** Advisories of all levels that apply, sorted. */
  advisories: string[]
}

export interface TcbInput {
  quote: TdxQuote
  pck: PckFacts
  info: TcbInfo
  identity: QeIdentity
  module: ModuleIdentity
  rule: ComponentRule
}

/**
 * Status of the machine: platform, module, quoting enclave, then all in one (Intel QVL, 4.1.2.4.17). Where no level is reached there is no
 * status, which is a refusal and never "unknown". Stricter than Intel's library: a revoked SGX level revokes even if the TDX level is not.
 *
 * @throws VerificationError `denied` when a part is older than anything that Intel lists
 */
export function evaluateTcb({ quote: { body, auth }, pck, info, identity, module, rule }: TcbInput): TcbResult {
  const { sgx, tdx } = matchLevels(info, pck, body.teeTcbSvn, rule)
  if (sgx === null || tdx === null) {
    const lowest = descending(info.tcbLevels).at(-1)
    const below = lowest === undefined ? [] : lacking(lowest, pck, body.teeTcbSvn, rule)
    const words = below.length === 0 ? '' : `; for the lowest listed level ${below.join(', ')}`
    throw unlisted(`no TCB level is reached (${sgx === null ? 'SGX' : 'TDX'} components)${words}`)
  }
  const part = module.levels.length === 0 ? null : partLevel(module.levels, body.teeTcbSvn[0] ?? 0)
  if (part === null && module.levels.length > 0)
    throw unlisted(`no level of module ${module.id} is reached: ${svnBelow(module.levels, body.teeTcbSvn[0] ?? 0)}`)
  const qe = partLevel(identity.tcbLevels, auth.qeReport.isvSvn)
  if (qe === null)
    throw unlisted(`no level of the quoting enclave is reached: ${svnBelow(identity.tcbLevels, auth.qeReport.isvSvn)}`)
  let status = converge(tdx.tcbStatus, part?.tcbStatus ?? 'UpToDate')
  if (body.teeTcbSvn2 !== null && part !== null) {
    status = relaunch({
      info,
      teeTcbSvn2: body.teeTcbSvn2,
      sgx: sgx.tcbStatus,
      tdx: status,
      module: part.tcbStatus,
      qe: qe.tcbStatus,
    })
  }
  status = converge(status, qe.tcbStatus)
  if (sgx.tcbStatus === 'Revoked') status = 'Revoked'
  const current = descending(info.tcbLevels).find(({ tcbStatus }) => tcbStatus === 'UpToDate')
  return {
    status,
    platform: tdx.tcbStatus,
    module: part?.tcbStatus ?? null,
    qe: qe.tcbStatus,
    date: tdx.tcbDate,
    below: [
      ...(tdx.tcbStatus === 'UpToDate' || current === undefined ? [] : lacking(current, pck, body.teeTcbSvn, rule)),
      ...(part === null || part.tcbStatus === 'UpToDate'
        ? []
        : [svnBelow(module.levels, body.teeTcbSvn[0] ?? 0, module.id)]),
      ...(qe.tcbStatus === 'UpToDate'
        ? []
        : [svnBelow(identity.tcbLevels, auth.qeReport.isvSvn, 'the quoting enclave')]),
    ],
    advisories: [...new Set([tdx, part, qe].flatMap((level) => level?.advisoryIDs ?? []))].sort(),
  }
}

/** The SVN of a part beside the least that is up to date, or else the least that is listed. */
function svnBelow(levels: readonly PartLevel[], svn: number, name = ''): string {
  const good = levels.filter(({ tcbStatus }) => tcbStatus === 'UpToDate')
  const wanted = Math.min(...(good.length > 0 ? good : levels).map(({ tcb }) => tcb.isvsvn))
  return `${name === '' ? '' : `${name}: `}SVN is ${svn}, wanted ${wanted}`
}

function invalid(why: string): VerificationError {
  return new VerificationError('evidence-invalid', why, { subject: 'TDX module' })
}

function unlisted(why: string): VerificationError {
  return new VerificationError('denied', why, { subject: 'TCB' })
}
