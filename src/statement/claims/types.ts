import type { JsonObject } from '../../base/json.ts'
import { noticeTypes } from '../notices.ts'
import { predicateTypes } from '../types.ts'

/**
 * What others say of an image: results of scanners, exploitability (VEX) and test runs. The agent signs none of them, because it did not do the
 * work; the party that did signs with a key of its own (TRUST §4).
 */
export const claimTypes = {
  vulns: 'https://in-toto.io/attestation/vulns/v0.2',
  /** The type that cosign writes for `--type openvex`, and vexctl for its attestations. */
  openvex: 'https://openvex.dev/ns',
  'test-result': 'https://in-toto.io/attestation/test-result/v0.1',
  /** The one that an agent signs as well: its worker did the promotion. */
  promotion: predicateTypes.promotion,
} as const
export type ClaimKind = keyof typeof claimTypes
/** Claims that are made of reports of other tools. */
export const claimKinds = ['vulns', 'openvex', 'test-result'] as const satisfies ClaimKind[]

/** Types of verdicts on an image, also older ones and other tools': none of them speaks *for* the image, whoever signed it. */
const verdictTypes: ReadonlySet<string> = new Set([
  ...Object.values(claimTypes),
  ...Object.values(noticeTypes),
  'https://in-toto.io/attestation/vulns/v0.1',
  'https://in-toto.io/attestation/vulns',
  'https://cosign.sigstore.dev/attestation/vuln/v1',
  'https://openvex.dev/ns/v0.2.0',
  'https://in-toto.io/attestation/svr/v0.1',
  'https://in-toto.io/attestation/svr/v0.2',
  'https://slsa.dev/verification_summary/v1',
  'https://slsa.dev/verification_summary/v0.2',
])

/** Whether statements of this type judge an image. A key that consumers pin vouches for nothing with them (TRUST §4). */
export function isVerdictType(predicateType: string): boolean {
  return verdictTypes.has(predicateType)
}

/** The claim that a predicate type stands for; versions that say the same in the same members count alike. Null for any other type. */
export function claimKindOf(predicateType: string): ClaimKind | null {
  if (predicateType === 'https://openvex.dev/ns/v0.2.0') return 'openvex'
  return [...claimKinds, 'promotion' as const].find((kind) => claimTypes[kind] === predicateType) ?? null
}

/** A report in the form of a claim, made of the report's own words alone: what it does not state is left out. */
export interface ReadClaim {
  kind: ClaimKind
  /** Name of the report's format, for messages: `grype`, `SARIF`. */
  format: string
  predicate: JsonObject
  /** `sha256:…` digests that the report itself names for what it judged: manifests and configurations. Empty where it names none. */
  about: readonly string[]
  /** One line for a summary: `14 findings, 2 critical`. */
  summary: string
}
