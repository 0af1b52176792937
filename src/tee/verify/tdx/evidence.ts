import { VerificationError } from '../../../base/errors.ts'
import { fromBase64 } from '../../../encoding/base64.ts'
import type { TeeEvidence } from '../../types.ts'

/** Quote and event log out of evidence in the form of Trustee's `tdx` verifier (coco.md §7.2). */
export interface TdxEvidence {
  quote: Buffer
  /** CCEL with AAEL records behind it; counts only after a replay to the RTMRs. */
  eventLog: Buffer | null
}

/** @throws VerificationError `evidence-invalid` for a foreign or missing member, or a raw quote beside that is another one */
export function readTdxEvidence({ technology, evidence, documents }: TeeEvidence): TdxEvidence {
  const { quote, cc_eventlog: log, ...more } = evidence
  if (technology !== 'tdx' || Object.keys(more).length > 0) throw invalid('has foreign members')
  if (typeof quote !== 'string' || !(log === null || typeof log === 'string'))
    throw invalid('has no quote or event log')
  const bytes = fromBase64(quote, 'TDX quote')
  const raw = documents['tsm-outblob']
  if (raw !== undefined && raw !== quote) throw invalid('has two different quotes')
  return { quote: bytes, eventLog: log === null ? null : fromBase64(log, 'event log') }
}

function invalid(why: string): VerificationError {
  return new VerificationError('evidence-invalid', `the TDX evidence ${why}`, { subject: 'tdx' })
}
