import { VerificationError } from '../../base/errors.ts'
import { artifactOfDigest } from '../../bundle/artifact.ts'
import { readBundle, type BundleMaterial, type SealedBundle } from '../../bundle/read.ts'
import { verifyBundle } from '../../bundle/verify.ts'
import { legacyBundle } from '../../bundle/legacy.ts'
import type { Digest } from '../../oci/types.ts'
import type { SignedDocument } from '../../sign/documents.ts'
import { signersOf as keySigners } from '../../sign/dsse.ts'
import type { FoundSignature, Place } from '../../sign/find.ts'
import { verifySignature } from '../../sign/public-key.ts'
import { speaksOf, subjectInWords } from '../../statement/statement.ts'
import type { Statement } from '../../statement/types.ts'
import { CertificateSigners } from '../../verify/certificate-signers.ts'
import { timesOf } from '../../verify/signature-times.ts'
import { signersOf as claimedSigners } from '../graph/describe.ts'
import { countsAt, type QueryTrust } from './trust.ts'
import type { RowVerdict } from './types.ts'

/** What the signature of a document comes to. */
export interface Judged {
  readonly verdict: RowVerdict
  readonly why: string | null
  readonly signers: readonly string[]
  /** The earliest trusted time. */
  readonly trusted: Date | null
}

/** Reasons for which a signature does not only lack trust, but is wrong. */
const wrong: ReadonlySet<string> = new Set(['signature-invalid', 'subject-mismatch', 'log-invalid', 'format-invalid'])

/** Judges who signed a statement that is attached to a manifest. Annotations decide nothing here: a pusher writes them. */
export function judgeStatement(
  document: SignedDocument,
  place: Place,
  statement: Statement,
  subject: Digest,
  trust: QueryTrust,
  at: Date,
): Judged {
  const claimed = claimedBy(document, place)
  const no = (verdict: RowVerdict, why: string): Judged => ({ verdict, why, signers: claimed, trusted: null })
  if (!speaksOf(statement, subject))
    return no('invalid', `speaks of ${subjectInWords(statement)}, not of this manifest`)
  if (!trust.named) return no('unverified', 'nobody was named whose statements count')
  const counted = trust.of(statement.predicateType)
  const made = keySigners(
    document.envelope,
    document.payload,
    counted.keys.map(({ key }) => key),
  )
  if (made.length > 0) {
    const { times } = timesOf(
      document,
      made.map(({ pem }) => pem),
      trust.time,
    )
    const time = earliest(times.map((one) => one.time))
    const inside = made.filter(({ pem }) =>
      counted.keys.some((one) => one.key.pem === pem && countsAt(one, time ?? at)),
    )
    if (inside.length === 0) return no('unverified', 'the key that signed does not count at this time')
    return { verdict: 'verified', why: null, signers: inside.map(({ hint }) => hint), trusted: time }
  }
  const { signer } = document
  if (signer?.kind === 'key') {
    const isCounted = counted.keys.some(({ key }) => key.hint === signer.hint)
    return isCounted
      ? no('invalid', 'names a key that counts, which did not sign it')
      : no('unverified', 'the key that it names does not count for such a statement')
  }
  const certificates = new CertificateSigners(counted, at)
  const fit = certificates.signersOf(document, [place], [subject])
  if (fit !== null && fit.ids.length > 0) {
    const time = earliest(timesOf(document, fit.ids, trust.time).times.map((one) => one.time))
    return { verdict: 'verified', why: null, signers: claimed, trusted: time }
  }
  const [sighting] = certificates.sightings
  return no(
    sighting !== undefined && wrong.has(sighting.code) ? 'invalid' : 'unverified',
    sighting?.why ?? 'no signer that counts signed it',
  )
}

/** Judges a signature over a manifest that is no statement. */
export function judgeSignature(bundle: SealedBundle, subject: Digest, trust: QueryTrust, at: Date): Judged {
  const signers = claimedSigners(bundle.material)
  const no = (verdict: RowVerdict, why: string): Judged => ({ verdict, why, signers, trusted: null })
  if (!trust.named) return no('unverified', 'nobody was named whose signatures count')
  const { keys, identities, trustedRoot } = trust.of(null)
  const artifact = artifactOfDigest(subject)
  const isBy = (material: BundleMaterial, hint: string): boolean => material.kind === 'key' && material.hint === hint
  let why = 'no signer that counts signed it'
  const attempts =
    bundle.material.kind === 'key'
      ? keys
          .filter((one) => countsAt(one, at))
          .map(({ key }) => ({
            signer: { kind: 'key', key } as const,
            root: null,
            own: isBy(bundle.material, key.hint),
          }))
      : trustedRoot === null
        ? []
        : [
            {
              signer: { kind: 'identity', rules: identities.map(({ rule }) => rule) } as const,
              root: trustedRoot,
              own: true,
            },
          ]
  let invalid = false
  for (const { signer, root, own } of attempts) {
    try {
      verifyBundle(bundle, artifact, { signer, root, entries: 0, certificateTimestamps: 0, now: at })
      return {
        verdict: 'verified',
        why: null,
        signers: signer.kind === 'key' ? [signer.key.hint] : signers,
        trusted: null,
      }
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      if (own) why = error.message
      invalid ||= own && wrong.has(error.code)
    }
  }
  return no(invalid ? 'invalid' : 'unverified', why)
}

/** Whom a document names as its signer; nothing of it is proven. */
function claimedBy({ bundle, signer, envelope }: SignedDocument, { legacy }: Place): string[] {
  if (signer?.kind === 'key') return signer.hint === '' ? [] : [signer.hint]
  try {
    if (bundle !== null) return [...claimedSigners(readBundle(bundle).material)]
    return legacy === null ? [] : claimedSigners(legacyBundle(legacy, { kind: 'envelope', envelope }).material)
  } catch (error) {
    if (error instanceof VerificationError) return []
    throw error
  }
}

function earliest(times: readonly Date[]): Date | null {
  return times.reduce<Date | null>((first, time) => (first === null || time < first ? time : first), null)
}

/** Judges a signature under cosign's `.sig` tag: its payload has to name the manifest. */
export function judgeLegacySignature(found: FoundSignature, subject: Digest, trust: QueryTrust, at: Date): Judged {
  const certificates = new CertificateSigners(trust.of(null), at)
  const fit = certificates.signersOfLegacy(found)
  const [sighting] = certificates.sightings
  const who = fit?.by ?? sighting?.who ?? null
  const no = (verdict: RowVerdict, why: string): Judged => ({
    verdict,
    why,
    signers: who === null ? [] : [who],
    trusted: null,
  })
  if (found.claims.digest !== subject) return no('invalid', `speaks of ${found.claims.digest}, not of this manifest`)
  if (!trust.named) return no('unverified', 'nobody was named whose signatures count')
  const signed = trust.of(null).keys.filter(({ key }) => verifySignature(key, found.payload, found.signature))
  const inside = signed.filter((one) => countsAt(one, at))
  if (inside.length > 0)
    return { verdict: 'verified', why: null, signers: inside.map(({ key }) => key.hint), trusted: null }
  if (signed.length > 0) return no('unverified', 'the key that signed does not count at this time')
  if (fit !== null && fit.ids.length > 0) return { verdict: 'verified', why: null, signers: [fit.by], trusted: null }
  return no(
    sighting !== undefined && wrong.has(sighting.code) ? 'invalid' : 'unverified',
    sighting?.why ?? 'no signer that counts signed it',
  )
}
