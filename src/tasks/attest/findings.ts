import type { TrustClaim } from '../../kbs/ear-vector.ts'
import type { TeeVerdict } from '../../tee/types.ts'

/** One token of an Attestation Service, as it was checked here. */
export interface EarFinding {
  /** Who made it: `Attestation Service` or `KBS`, with its address. */
  from: string
  status: string
  vector: TrustClaim[]
  /** A key that the step was given signed it; else it is for reading only. */
  pinned: boolean
  jwt: string
}

/** What was found out about the evidence, for reading: the gate judges it anew (TRUST §1). */
export interface EvidenceFindings {
  /** Hardware vouches for this machine, as every verifier that was asked says. Never true for `sample` and software TPMs. */
  attested: boolean
  measurement: string
  /** One line a verifier. */
  notes: string[]
  verdict: TeeVerdict | null
  /** Names of the signed reference values that fitted. */
  referenceValues: string[]
  ears: EarFinding[]
}
