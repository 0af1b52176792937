import type { Technology } from '../../base/technology.ts'
import type { Judged, TeeCheck, TeeEvidence, TeeVerdict } from '../types.ts'
import type { AzureOptions } from './azure/policy.ts'
import type { SnpPolicy } from './snp/policy.ts'
import type { SnpTrust } from './snp/trust.ts'
import type { TdxCollateral } from './tdx/collateral.ts'
import type { TdxPolicy } from './tdx/policy.ts'
import type { TpmTrust } from './tpm/policy.ts'

/**
 * What the makers of the hardware say, brought by whoever verifies. What travels with the evidence is used where this has nothing; both pass
 * the same checks at the time of the verification. Nothing in here is believed by itself.
 */
export interface Collateral {
  /** VCEKs and VLEKs, DER; the one of the report's chip, line and TCB is taken. */
  amdCertificates: readonly Buffer[]
  /** AMD's revocation lists, DER; the one by the line's root is taken. */
  amdLists: readonly Buffer[]
  /** One for each FMSPC. */
  intel: readonly TdxCollateral[]
  /** DER certificates of TPM makers between an endorsement key and a root that the rules pin. */
  tpmAuthorities: readonly Buffer[]
}

export const noCollateral: Collateral = { amdCertificates: [], amdLists: [], intel: [], tpmAuthorities: [] }

/** What is accepted of each technology. Everything that is left out has its strictest meaning. */
export interface TeeRules {
  snp?: SnpPolicy | undefined
  tdx?: Partial<TdxPolicy> | undefined
  tpm?: TpmTrust | undefined
  azure?: AzureOptions | undefined
  /** Runtime register that the agent extends: `pcr14` where left out, `rtmr3` on TDX. */
  register?: string | undefined
}

export interface VerifyContext {
  at: Date
  collateral: Collateral
  rules: TeeRules
  /** Roots in place of the makers' own: for synthetic hardware in tests. No door sets it. */
  trust?: { snp?: SnpTrust | undefined; intelRoots?: readonly string[] | undefined } | undefined
}

/** Checks evidence of one technology against its 48 bytes of report data. Nothing in the evidence or the collateral makes it throw. */
export interface TeeVerifier<T extends Technology = Technology> {
  readonly technology: T
  verify(evidence: TeeEvidence, reportData: Buffer, context: VerifyContext): Extract<TeeVerdict, { technology: T }>
}

/** A verdict that refuses what could not even be read. */
export function refusal<T extends Technology>(technology: T, checks: TeeCheck[]): { technology: T } & Judged<never> {
  return { technology, status: 'refused', facts: null, measured: {}, register: null, checks, machine: null }
}
