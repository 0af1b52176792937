import type { TeeCheck } from '../types.ts'
import type { PcrSelection } from '../verify/tpm/selection.ts'
import type { VerifyContext } from '../verify/verifier.ts'

/** What somebody who asks for a verdict takes although it is not proven; each by its name. */
export const acceptances = [
  'unbound',
  'no-crl',
  'new-report-version',
  'trailing-bytes',
  'software-tpm',
  'unbound-user-data',
] as const
export type Acceptance = (typeof acceptances)[number]

export interface Demands {
  /**
   * What the report must carry. `report-data` is what the 48 bytes of a binding begin with (a plain TPM has the first 32 of them, TRUST §2);
   * a nonce is compared as it is.
   */
  expected: { kind: 'report-data' | 'nonce'; bytes: Buffer } | null
  accept: ReadonlySet<Acceptance>
  context: VerifyContext
  /** PCRs that a raw quote must have, no more and no fewer; all 24 of SHA-256 where null. */
  selection: readonly PcrSelection[] | null
}

/** Names of the check that compares with what the caller asked for. */
const bindingChecks: readonly string[] = ['report-data', 'qualifying-data']

/** How the reason of a comparison begins that nobody asked for. */
export const notAsked = 'not asked: '

/** The comparison of the evidence with itself says nothing but that it can be read: its place is taken by what really happened. */
export function unbound(checks: readonly TeeCheck[], claimed: Buffer | null, accepted: boolean): TeeCheck[] {
  const said = claimed === null ? 'cannot be read' : `is ${claimed.toString('hex')}`
  return checks.map((check) =>
    bindingChecks.includes(check.name)
      ? { name: check.name, ok: accepted && check.ok, why: `${notAsked}what it carries ${said}` }
      : check,
  )
}
