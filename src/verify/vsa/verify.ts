import { VerificationError } from '../../base/errors.ts'
import { isObject, textOf } from '../../base/json.ts'
import type { Digest } from '../../oci/types.ts'
import { readPredicate } from '../../statement/schemas/predicate.ts'
import { speaksOf } from '../../statement/statement.ts'
import { vsaExtensions } from '../../statement/vsa.ts'
import { signedBy, type ReadClaim } from '../statements.ts'

/** What who admits by a VSA pins (TRUST §6). */
export interface VsaPins {
  /** `verifier.id` of the gate. */
  verifierId: string
  /** SPKI PEM of the gate's key: a release key of its own, or the K of evidence that was verified. */
  publicKeyPem: string
  policyDigest: Digest
  maxAgeSeconds: number
  /** Keys that signed the image (SPKI PEM): none of them may be the gate's. */
  builderKeys: readonly string[]
  at: Date
}

export interface AdmittedVsa {
  manifest: Digest
  exceptions: string[]
  timeVerified: Date
}

/**
 * Reads a VSA of an image and admits by it.
 *
 * @param claims statements attached to the image
 * @throws VerificationError `missing-statement`, `self-verified`, `signature-invalid`, `subject-mismatch`, `denied`, `policy-invalid`, `expired`,
 *   `format-invalid`
 */
export function verifyVsa(claims: readonly ReadClaim[], subject: Digest, pins: VsaPins): AdmittedVsa {
  const summaries = claims.filter(({ kind }) => kind === 'vsa')
  if (summaries.length === 0) throw refuse('missing-statement', 'no verification summary is attached', subject)
  if (pins.builderKeys.some((pem) => pem.trim() === pins.publicKeyPem.trim())) {
    throw refuse('self-verified', 'the pinned verifier is the builder itself', subject)
  }
  const mine = summaries.filter((claim) => signedBy(claim, pins.publicKeyPem))
  if (mine.length === 0) {
    const own = summaries.some((claim) => pins.builderKeys.some((pem) => signedBy(claim, pem)))
    throw own
      ? refuse('self-verified', 'the verification summary was signed by the key that built the image', subject)
      : refuse('signature-invalid', 'no verification summary is signed by the pinned verifier', subject)
  }
  let refusal: VerificationError | null = null
  for (const claim of mine) {
    try {
      return admit(claim, subject, pins)
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      refusal ??= error
    }
  }
  throw refusal ?? refuse('missing-statement', 'no verification summary is attached', subject)
}

function admit(claim: ReadClaim, subject: Digest, pins: VsaPins): AdmittedVsa {
  const { predicate } = claim.statement
  const at = claim.manifest
  if (!speaksOf(claim.statement, subject)) throw refuse('subject-mismatch', 'the summary is of another image', at)
  if (!isObject(predicate['verifier']) || predicate['verifier']['id'] !== pins.verifierId) {
    throw refuse('builder-mismatch', `the verifier is not ${pins.verifierId}`, at)
  }
  if (predicate['verificationResult'] !== 'PASSED')
    throw refuse('denied', 'the summary says that verification did not pass', at)
  const policy =
    isObject(predicate['policy']) && isObject(predicate['policy']['digest'])
      ? predicate['policy']['digest']['sha256']
      : null
  if (`sha256:${textOf(policy)}` !== pins.policyDigest)
    throw refuse('policy-invalid', `the summary is by the policy sha256:${textOf(policy)}`, at)
  const made = date(predicate['timeVerified'])
  const end = predicate[vsaExtensions.expires]
  const expires = end === undefined ? null : date(end)
  if (made === null || (pins.at.getTime() - made.getTime()) / 1000 > pins.maxAgeSeconds)
    throw refuse('expired', 'the summary is older than allowed', at)
  if (made.getTime() > pins.at.getTime() + 300_000)
    throw refuse('expired', 'the verification summary is dated in the future', at)
  // An end that cannot be read is not "no end".
  if (end !== undefined && (expires === null || expires < pins.at))
    throw refuse('expired', 'the summary says that it is no longer good', at)
  // The pins have given their own reasons by now. A list of exceptions that cannot be read is not "no exceptions".
  const { [vsaExtensions.exceptions]: exceptions = [] } = readPredicate('vsa', predicate, at)
  return { manifest: at, timeVerified: made, exceptions }
}

function date(value: unknown): Date | null {
  if (typeof value !== 'string' || Number.isNaN(Date.parse(value))) return null
  return new Date(value)
}

function refuse(
  code:
    | 'missing-statement'
    | 'self-verified'
    | 'signature-invalid'
    | 'subject-mismatch'
    | 'denied'
    | 'policy-invalid'
    | 'expired'
    | 'builder-mismatch',
  message: string,
  subject: string,
): VerificationError {
  return new VerificationError(code, message, { subject })
}
