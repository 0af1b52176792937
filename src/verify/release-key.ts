import { VerificationError } from '../base/errors.ts'
import { isWithin } from '../base/window.ts'
import type { Digest, Store } from '../oci/types.ts'
import { findCosignSignatures, type FoundSignature } from '../sign/find.ts'
import { loadPublicKey, verifySignature, type PublicKey } from '../sign/public-key.ts'
import { isVerdictType } from '../statement/claims/types.ts'
import type { Claim } from './statements.ts'
import type { Gate } from './candidate.ts'
import type { Policy } from './policy/load.ts'

/**
 * The release keys of a policy that are good at a time.
 *
 * @throws VerificationError `policy-invalid` for a key that cannot be read
 */
export function releaseKeysAt(policy: Policy, at: Date): PublicKey[] {
  return policy.releaseKeys.filter(({ window }) => isWithin(window, at)).map(({ pem }) => readKey(pem))
}

/**
 * The first release key that signed the image or the index that was named, whose digest covers it: with a statement that speaks for the image
 * (never a verdict on it), or with cosign's legacy signature.
 *
 * @param targets digests whose signature counts
 */
export async function signedImage(
  store: Store,
  targets: readonly Digest[],
  claims: readonly Claim[],
  keys: readonly PublicKey[],
): Promise<Gate['releaseKey']> {
  if (keys.length === 0) return null
  const mine = claims.filter((claim) => !isVerdictType(claim.predicateType) && claim.subject !== null)
  const legacy: FoundSignature[] = []
  for (const digest of targets) {
    const found = await findCosignSignatures(store, { digest }, { onBroken: () => {} })
    legacy.push(...found.filter((item) => item.claims.digest === digest))
  }
  for (const key of keys) {
    const byLegacy = legacy.some((item) => verifySignature(key, item.payload, item.signature))
    if (byLegacy || mine.some(({ signers }) => signers.includes(key.pem)))
      return { pem: key.pem, hint: key.hint, legacy: byLegacy }
  }
  return null
}

function readKey(pem: string): PublicKey {
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
