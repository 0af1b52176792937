import { VerificationError } from '../base/errors.ts'
import { isWithin, type Window } from '../base/window.ts'
import type { Digest, Store } from '../oci/types.ts'
import { findCosignSignatures, type FoundSignature } from '../sign/find.ts'
import { loadPublicKey, verifySignature, type PublicKey } from '../sign/public-key.ts'
import { isSurelyWithin } from './seal-time.ts'
import type { SignatureTime } from './signature-times.ts'
import type { Claim } from './statements.ts'
import type { Gate } from './candidate.ts'
import type { Policy } from './policy/load.ts'

/** A release key of the policy. */
export interface PinnedKey extends PublicKey {
  /** When its signatures count. */
  window: Window
  /** It counts at the time of the verification, so whatever it signed does: nothing says when it was signed. */
  current: boolean
}

/**
 * The release keys of a policy. Keys whose window does not hold now are among them where the policy pins time stamp authorities: a signature of theirs
 * counts if it was stamped in the window ({@link countsAt}), so that retiring a key does not refuse what it signed before (TRUST §6).
 *
 * @throws VerificationError `policy-invalid` for a key that cannot be read
 */
export function releaseKeysAt(policy: Policy, at: Date): PinnedKey[] {
  return policy.releaseKeys
    .map(({ pem, window }) => ({ ...readKey(pem), window, current: isWithin(window, at) }))
    .filter(({ current }) => current || policy.timeAuthorities.length > 0)
}

/** Whether a signature of a pinned key counts: now, or by a stamp that lies in its window. */
export function countsAt({ pem, window, current }: PinnedKey, times: readonly SignatureTime[]): boolean {
  return current || times.some((time) => time.by === pem && isSurelyWithin(window, time))
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
  keys: readonly PinnedKey[],
): Promise<Gate['releaseKey']> {
  if (keys.length === 0) return null
  const mine = claims.filter((claim) => claim.kind !== 'vsa' && claim.subject !== null)
  const legacy: FoundSignature[] = []
  for (const digest of targets) {
    const found = await findCosignSignatures(store, { digest }, { onBroken: () => {} })
    legacy.push(...found.filter((item) => item.claims.digest === digest))
  }
  for (const key of keys) {
    // A legacy tag holds no stamps.
    const byLegacy = key.current && legacy.some((item) => verifySignature(key, item.payload, item.signature))
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
