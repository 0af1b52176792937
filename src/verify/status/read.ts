import { VerificationError } from '../../base/errors.ts'
import { sha256 } from '../../base/streams.ts'
import { isIndex } from '../../oci/manifest.ts'
import type { Digest, Store, StoredManifest } from '../../oci/types.ts'
import { findLimits, readDocuments, type FoundDocument, type Place } from '../../sign/documents.ts'
import { signersOf } from '../../sign/dsse.ts'
import { bundlePlace, type OnBroken } from '../../sign/find.ts'
import type { PublicKey } from '../../sign/public-key.ts'
import type { NoticeKind } from '../../statement/notices.ts'
import { readPredicate, type PredicateOf } from '../../statement/schemas/predicate.ts'
import { parseStatement, predicateTypeOf, speaksOf } from '../../statement/statement.ts'
import { CertificateSigners } from '../certificate-signers.ts'
import type { Policy } from '../policy/load.ts'

/** Statements whose signers a policy names for them alone. */
type NamedKind = NoticeKind | 'promotion'

/** Whose statements of one kind count. */
export interface NoticeTrust extends Pick<Policy, 'identities' | 'trustedRoot'> {
  readonly publicKeys: readonly PublicKey[]
}

/** A statement whose signature was verified. */
export interface Notice<K extends NamedKind> {
  readonly manifest: Digest
  /** All that hold it: anybody may attach what another one signed once more. */
  readonly manifests: readonly Digest[]
  /** SHA-256 of the payload. */
  readonly payload: Digest
  readonly subject: Digest
  /** SPKI PEM of a key, or the id of an identity. */
  readonly signers: readonly string[]
  readonly predicate: PredicateOf<K>
}

/** A statement of the kind that nobody who counts signed, by its own word. */
export interface ForeignNotice<K extends NamedKind> {
  readonly manifest: Digest
  /** Hint of the key that the bundle names, or whom its certificate names; null where it says neither. */
  readonly by: string | null
  /** What it says, unproven; null where that cannot be read. */
  readonly predicate: PredicateOf<K> | null
}

export interface ReadNotices<K extends NamedKind> {
  readonly counted: readonly Notice<K>[]
  /** A bounded number. */
  readonly foreign: readonly ForeignNotice<K>[]
  /** What a signer that counts signed and that cannot be read: never the same as nothing. */
  readonly broken: readonly { manifest: Digest; error: VerificationError }[]
  /** Manifests of Microsoft's lifecycle artifacts, which nobody signs, with the date that they state. */
  readonly lifecycle: readonly { manifest: Digest; date: string }[]
}

/** Statements by strangers that are kept, to say why they do not count. */
const keptForeign = 16
const lifecycleType = 'application/vnd.microsoft.artifact.lifecycle'
const lifecycleDate = 'vnd.microsoft.artifact.lifecycle.end-of-life.date'

/**
 * Reads the statements of one kind that are attached to a manifest, and verifies who signed them. Annotations select nothing, because a pusher writes
 * them. Documents over 1 MiB are not read: no such statement is that large.
 *
 * @param subject the manifest need not be there: a publisher may have deleted an image and still say what became of it
 * @param at nothing that vouches for a certificate may be later
 * @throws TransportError when the store does not answer; an empty list always means that it said "none"
 */
export async function readNotices<K extends NamedKind>(
  kind: K,
  store: Store,
  subject: Digest,
  trust: NoticeTrust,
  at: Date,
): Promise<ReadNotices<K>> {
  const counted = new Map<Digest, Notice<K>>()
  const foreign: ForeignNotice<K>[] = []
  const broken: { manifest: Digest; error: VerificationError }[] = []
  const lifecycle: { manifest: Digest; date: string }[] = []
  const places: Place[] = []
  const ignore: OnBroken = () => {}
  for await (const stored of store.readReferrers(subject, ignore)) {
    const date = lifecycleOf(stored)
    if (date !== null) lifecycle.push({ manifest: stored.descriptor.digest, date })
    const place = placeOf(stored)
    if (place !== null && place.layer.size <= findLimits.smallBytes) places.push(place)
  }
  const certificates = new CertificateSigners(trust, at)
  const predicateOf = (payload: Buffer, manifest: Digest): PredicateOf<K> =>
    readPredicate(kind, parseStatement(payload).predicate, manifest)
  const plan = { missing: () => Promise.resolve(null), onUnread: () => {} }
  for await (const document of readDocuments(store, places, ignore, plan)) {
    const { payload, places: named } = document
    const [{ manifest }] = named
    if (!speaks(kind, document, subject)) continue
    const fit = certificates.signersOf(document, named, [subject])
    // A record allows something, so one that no log shows allows nothing; a notice warns, so it counts.
    const counts = fit !== null && (kind !== 'promotion' || fit.lacks.length === 0)
    const signers = [
      ...signersOf(document.envelope, payload, trust.publicKeys).map(({ pem }) => pem),
      ...(counts ? fit.ids : []),
    ]
    if (signers.length === 0) {
      const { signer } = document
      const who = certificates.sightings.find((one) => one.manifest === manifest)?.who ?? null
      const by = signer?.kind === 'key' && signer.hint !== '' ? `key ${signer.hint}` : who
      if (foreign.length < keptForeign)
        foreign.push({ manifest, by, predicate: orNull(() => predicateOf(payload, manifest)) })
      continue
    }
    try {
      const predicate = predicateOf(payload, manifest)
      const digest = sha256(payload)
      // The same payload under two signatures is one statement of both.
      const known = counted.get(digest)
      counted.set(digest, {
        manifest: known?.manifest ?? manifest,
        manifests: [...(known?.manifests ?? []), ...named.map((place) => place.manifest)],
        payload: digest,
        subject,
        signers: [...new Set([...(known?.signers ?? []), ...signers])],
        predicate,
      })
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      broken.push({ manifest, error })
    }
  }
  return { counted: [...counted.values()], foreign, broken, lifecycle }
}

/** Whether a document is a statement of the kind about the manifest. What cannot be parsed is nobody's statement. */
function speaks(kind: NamedKind, { payload }: FoundDocument, subject: Digest): boolean {
  if (!payload.includes(predicateTypeOf(kind))) return false
  const statement = orNull(() => parseStatement(payload))
  return statement !== null && statement.predicateType === predicateTypeOf(kind) && speaksOf(statement, subject)
}

function placeOf(stored: StoredManifest): Place | null {
  return orNull(() => bundlePlace(stored))
}

function orNull<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}

/** The date of a lifecycle artifact (`oras attach --artifact-type …`); null for anything else. */
function lifecycleOf({ content }: StoredManifest): string | null {
  if (isIndex(content) || content.artifactType !== lifecycleType) return null
  const date = content.annotations?.[lifecycleDate]
  return date !== undefined && date.length <= 64 ? date : null
}
