import type { SnpLine } from '../verify/snp/amd-authorities.ts'
import type { GuestPolicy, PlatformInfo } from '../verify/snp/bits.ts'
import type { SnpReport } from '../verify/snp/report.ts'
import type { SnpTcb } from '../verify/snp/tcb.ts'

/** A set of bits with the 64-bit value as hex text, so that JSON holds it exactly. */
export type WithHexValue<T extends { value: bigint }> = Omit<T, 'value'> & { value: string }

/** What an SNP report and its key certificate state. Byte strings are lower-case hex. */
export interface SnpFacts {
  version: number
  /** By the certificate; by the CPUID where there is no certificate. */
  line: SnpLine | null
  /** Null without a key certificate. */
  product: string | null
  keyKind: 'vcek' | 'vlek' | null
  /** Provider that a VLEK was issued to; null for a VCEK. */
  csp: string | null
  guestSvn: number
  vmpl: number
  policy: WithHexValue<GuestPolicy>
  platform: WithHexValue<PlatformInfo>
  familyId: string
  imageId: string
  reportData: string
  measurement: string
  hostData: string
  idKeyDigest: string
  authorKey: boolean
  authorKeyDigest: string
  reportId: string
  reportIdMa: string
  chipId: string
  chipKeyMasked: boolean
  cpuid: SnpReport['cpuid']
  firmware: SnpReport['firmware']
  /** Null where the line is unknown, since the layout depends on it. */
  tcb: Record<'current' | 'reported' | 'committed' | 'launch', SnpTcb> | null
  mitigations: { launch: string; current: string } | null
  /** A revocation list of AMD was checked; null where the verification ended before that. */
  revocationChecked: boolean | null
}
