import { VerificationError } from '../base/errors.ts'
import { isWithin, windowText, type Window } from '../base/window.ts'
import type { Digest, Store } from '../oci/types.ts'
import { findCosignSignatures } from '../sign/find.ts'
import { loadPublicKey, verifySignature, type PublicKey } from '../sign/public-key.ts'
import { assignParties, type CertificateFit } from './assign-parties.ts'
import type { CertificateSigners } from './certificate-signers.ts'
import type { Acceptance } from './policy/accept.ts'
import type { Policy } from './policy/load.ts'
import { isVerdictType } from '../statement/claims/types.ts'
import { isSurelyWithin } from './seal-time.ts'
import { pinsTime } from './signature-times.ts'
import { identityId } from './identity-id.ts'
import type { NoteKind } from './notes.ts'
import type { Claim } from './statements.ts'

/** A named party of the policy that signed the image: a release key, or an identity. */
export interface Party {
  kind: 'key' | 'identity'
  /** SPKI PEM of a key, or {@link identityId}: as in `signers` of a claim. */
  id: string
  /** For reasons and the verdict: the hint of a key, the name of an identity. */
  name: string
  /** It made a legacy signature of cosign, which says what a `sign` statement says. */
  legacy: boolean
  /** Lines of the policy that the signature of an identity needs. */
  lacks: readonly Acceptance[]
}

/** Who made legacy signatures of cosign, which stand under a tag of the image. */
export interface LegacySigners {
  keys: ReadonlySet<string>
  fits: readonly CertificateFit[]
  /** Manifests with signatures that are by none of those, each with the note that says so. */
  others: ReadonlyMap<Digest, NoteKind>
}

/** Everybody whose signature the policy knows how to verify. */
export interface KnownSigners {
  keys: readonly PinnedKey[]
  certificates: CertificateSigners
  /** Names of the identities. */
  identities: readonly string[]
}

/** A release key of the policy. */
export interface PinnedKey extends PublicKey {
  /** When its signatures count. */
  window: Window
  /** It counts at the time of the verification, so whatever it signed does: nothing says when that was. */
  current: boolean
}

/**
 * The release keys of a policy. Keys whose window does not hold now are among them where the policy pins sources of trusted time: a signature of theirs
 * counts if it was made in the window ({@link countsBy}), so that retiring a key does not refuse what it signed before (TRUST §6).
 *
 * @throws VerificationError `policy-invalid` for a key that cannot be read
 */
export function releaseKeysAt(policy: Policy, at: Date): PinnedKey[] {
  return policy.releaseKeys
    .map(({ pem, window }) => ({ ...readKey(pem), window, current: isWithin(window, at) }))
    .filter(({ current }) => current || pinsTime(policy.time))
}

/**
 * Release keys of a policy whose window does not hold at a time, each in words: `ab12… (to 2026-01-31T00:00:00.000Z)`.
 *
 * @throws VerificationError `policy-invalid` for a key that cannot be read
 */
export function keysOutOfWindow({ releaseKeys }: Pick<Policy, 'releaseKeys'>, at: Date): string[] {
  return releaseKeys
    .filter(({ window }) => !isWithin(window, at))
    .map(({ pem, window }) => `${readKey(pem).hint} (${windowText(window)})`)
}

/**
 * Whether a claim counts as signed by a party: it is, and where that is a release key, the key is good now or the claim was stamped in a window of it.
 *
 * @param id of the party, as in `signers` of a claim
 */
export function countsBy({ signers, times }: Claim, id: string, keys: readonly PinnedKey[]): boolean {
  if (!signers.includes(id)) return false
  const named = keys.filter(({ pem }) => pem === id)
  const stamped = (window: Window): boolean => times.some((time) => time.by === id && isSurelyWithin(window, time))
  return named.length === 0 || named.some(({ window, current }) => current || stamped(window))
}

/** Reads the legacy signatures over some digests. */
export async function legacySigners(
  store: Store,
  targets: readonly Digest[],
  { keys, certificates, identities }: KnownSigners,
): Promise<LegacySigners> {
  const signed = new Set<string>()
  const fits: CertificateFit[] = []
  const others = new Map<Digest, NoteKind>()
  if (keys.length + identities.length === 0) return { keys: signed, fits, others }
  for (const digest of targets) {
    const found = await findCosignSignatures(
      store,
      { digest },
      { onBroken: ({ manifest }) => others.set(manifest, 'unreadable') },
    )
    for (const item of found) {
      if (item.claims.digest !== digest) {
        others.set(item.manifest, 'elsewhere')
        continue
      }
      const fit = certificates.signersOfLegacy(item)
      if (fit !== null) fits.push(fit)
      // A legacy tag holds no stamps: only keys that are good now count by it.
      const by = keys.filter((key) => key.current && verifySignature(key, item.payload, item.signature))
      for (const { pem } of by) signed.add(pem)
      if (fit === null && by.length === 0) others.set(item.manifest, 'foreign')
    }
  }
  return { keys: signed, fits, others }
}

/**
 * The parties that signed the image or the index that was named, whose digest covers it: with a statement that speaks for the image (never a
 * verdict on it), or with cosign's legacy signature. In the order of the policy, keys first. A signature counts for one party ({@link assignParties}).
 */
export function signingParties(
  claims: readonly Claim[],
  legacy: LegacySigners,
  { keys, identities }: KnownSigners,
): Party[] {
  const mine = claims.filter((claim) => !isVerdictType(claim.predicateType) && claim.subject !== null)
  // A key that the policy names twice is one party.
  const signed = [...new Map(keys.map((key) => [key.pem, key])).values()].filter(
    ({ pem }) => legacy.keys.has(pem) || mine.some((claim) => countsBy(claim, pem, keys)),
  )
  // A workflow signs its scans and failed tests too: of an identity only a kind that is known to speak for an image counts.
  const fits = [...mine.filter(({ kind }) => kind !== null).flatMap(({ certified }) => certified), ...legacy.fits]
  // The key of a certificate may be pinned as well: whoever has it is one party.
  const assigned = assignParties(fits.filter(({ key }) => !signed.some(({ pem }) => pem === key)))
  return [
    ...signed.map(({ pem, hint }) => ({
      kind: 'key' as const,
      id: pem,
      name: hint,
      legacy: legacy.keys.has(pem),
      lacks: [],
    })),
    ...identities.flatMap((name) => {
      const id = identityId(name)
      const fit = assigned.get(id)
      if (fit === undefined) return []
      const isLegacy = legacy.fits.some(({ by, ids }) => by === fit.by && ids.includes(id))
      return [{ kind: 'identity' as const, id, name, legacy: isLegacy, lacks: fit.lacks }]
    }),
  ]
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
