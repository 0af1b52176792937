import { isLocalText } from '../oci/reference.ts'
import { VerificationError } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import { jcs } from '../encoding/jcs.ts'
import type { Digest } from '../oci/types.ts'
import type { Statement } from './types.ts'
import { withoutDigest } from '../oci/reference.ts'
import { digestSet } from '../oci/digest.ts'

/** Extension fields of a VSA are named by URI (SLSA v1.2, verification summary). */
export const vsaExtensions = {
  /** Relaxations of the policy that the verdict needed, by name. */
  exceptions: 'https://sealwright.dev/vsa/v1/exceptions',
  /** RFC 3339 UTC: who admits by this VSA must not do so later. */
  expires: 'https://sealwright.dev/vsa/v1/expires',
  /** Builder id as the gate verified it. */
  builder: 'https://sealwright.dev/vsa/v1/builder',
} as const

/** What of a verdict goes into a VSA; a `Verdict` has these members. */
export interface VsaVerdict {
  verified: boolean
  image: { reference: string; digest: Digest }
  policy: { digest: Digest }
  builder: { id: string }
  exceptions: readonly string[]
  inputs: readonly { kind: string; digest: Digest }[]
  /** RFC 3339: what the verdict rests on holds no longer. */
  until?: string | undefined
}

export interface VsaFacts {
  verdict: VsaVerdict
  /** Builder id form of the verifying agent, or `https://sealwright.dev/key/<hint>` for a plain key. */
  verifierId: string
  version: string
  timeVerified: Date
  expires: Date | null
  /** SLSA levels that the gate can stand for, e.g. `SLSA_BUILD_LEVEL_2`. None given: `SLSA_BUILD_LEVEL_UNEVALUATED`. */
  levels?: readonly string[] | undefined
}

/**
 * SLSA verification summary v1 of a verdict that passed.
 *
 * @throws VerificationError `denied` for a refused verdict: it is never signed as a VSA (TRUST §4)
 */
export function vsaPredicate(facts: VsaFacts): JsonObject {
  const { verdict } = facts
  if (!verdict.verified) {
    throw new VerificationError('denied', 'a refused verdict is never signed as a verification summary', {
      subject: verdict.image.digest,
    })
  }
  return {
    verifier: { id: facts.verifierId, version: { sealwright: facts.version } },
    timeVerified: seconds(facts.timeVerified),
    resourceUri: resourceUri(verdict.image),
    policy: {
      uri: `https://sealwright.dev/policy/${verdict.policy.digest}`,
      digest: { sha256: hex(verdict.policy.digest) },
    },
    inputAttestations: verdict.inputs.map(({ kind, digest }) => ({
      uri: `https://sealwright.dev/input/${kind}`,
      digest: digestSet(digest),
    })),
    verificationResult: 'PASSED',
    verifiedLevels:
      facts.levels === undefined || facts.levels.length === 0 ? ['SLSA_BUILD_LEVEL_UNEVALUATED'] : [...facts.levels],
    slsaVersion: '1.2',
    [vsaExtensions.builder]: verdict.builder.id,
    [vsaExtensions.exceptions]: [...verdict.exceptions],
    ...(facts.expires === null ? {} : { [vsaExtensions.expires]: seconds(facts.expires) }),
  }
}

/** How long who admits by a VSA may rely on it: verify again after a week. */
const lifetimeMs = 7 * 24 * 3600 * 1000

/** When a summary ends: after a week, or earlier where what the verdict rests on ends earlier, as a status does. */
export function vsaExpiry({ until }: Pick<VsaVerdict, 'until'>, now: Date): Date {
  const end = now.getTime() + lifetimeMs
  const bound = Date.parse(until ?? '')
  return new Date(Number.isNaN(bound) ? end : Math.min(end, bound))
}

/** All of a VSA but when it was made and until when it holds: two with equal bytes say the same (INTERFACE §7). */
export function vsaIdentity(statement: Statement): Buffer {
  const {
    timeVerified: _made,
    [vsaExtensions.expires]: _until,
    ...rest
  } = isObject(statement.predicate) ? statement.predicate : {}
  return jcs({ predicateType: statement.predicateType, subject: statement.subject, predicate: rest })
}

/** A layout's folder says nothing to anybody else, and a tag may move: name and digest only. */
function resourceUri(image: { reference: string; digest: Digest }): string {
  if (isLocalText(image.reference)) return `oci:${image.digest}`
  const name = withoutDigest(image.reference).replace(/:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, '')
  return `${name}@${image.digest}`
}

function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z')
}

function hex(digest: Digest): string {
  return digest.slice('sha256:'.length)
}
