import type { TrustClaim } from '../../kbs/ear-vector.ts'
import type { TeeVerdict } from '../../tee/types.ts'

/** What a step was given to judge its runner's evidence by. */
export interface EvidenceInputs {
  verifier: 'local' | 'trustee' | 'both' | 'none'
  /** Folder of collateral (certificates, CRLs, TCB data). */
  collateral: string | null
  /** The gate's policy file, for its rules of TEEs. */
  policy: string | null
  /** File of values that the verified evidence must have. */
  referenceValues: string | null
  /** PEM files of keys, one of which must have signed the reference values. */
  referenceKeys: string[]
}

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
