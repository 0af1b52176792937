import { VerificationError } from '../base/errors.ts'
import { isWithin } from '../base/window.ts'
import { findCosignSignatures } from '../sign/find.ts'
import { loadPublicKey, verifySignature } from '../sign/public-key.ts'
import { signedBy, type Claim } from './statements.ts'
import type { Gate, Subject } from './candidate.ts'
import type { Policy } from './policy/load.ts'

/**
 * The first release key of the policy that signed this very image: with a statement that speaks for the image (never a verdict on it), or
 * with cosign's legacy signature.
 *
 * @throws VerificationError `policy-invalid` for a key that cannot be read
 */
export async function signedImage(
  subject: Subject,
  claims: readonly Claim[],
  policy: Policy,
  at: Date,
): Promise<Gate['releaseKey']> {
  const keys = policy.releaseKeys.filter(({ window }) => isWithin(window, at))
  if (keys.length === 0) return null
  const { digest } = subject.descriptor
  const mine = claims.filter(
    (claim) => claim.kind !== 'vsa' && `sha256:${claim.statement.subject[0].digest.sha256}` === digest,
  )
  const legacy = (await findCosignSignatures(subject.store, subject.descriptor, { onBroken: () => {} })).filter(
    (item) => item.claims.digest === digest,
  )
  for (const { pem } of keys) {
    const key = readKey(pem)
    const byLegacy = legacy.some((item) => verifySignature(key, item.payload, item.signature))
    if (byLegacy || mine.some((claim) => signedBy(claim, key.pem)))
      return { pem: key.pem, hint: key.hint, legacy: byLegacy }
  }
  return null
}

function readKey(pem: string): ReturnType<typeof loadPublicKey> {
  try {
    return loadPublicKey(pem.trim() + '\n', 'release key')
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw new VerificationError('policy-invalid', `a release key of the policy cannot be used: ${cause.message}`, {
      subject: 'release-keys',
      cause,
    })
  }
}
