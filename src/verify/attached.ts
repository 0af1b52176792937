import { VerificationError } from '../base/errors.ts'
import { isIndex } from '../oci/manifest.ts'
import type { Digest, Store, StoredManifest } from '../oci/types.ts'
import { isSignedBy } from '../sign/dsse.ts'
import {
  attestationPlaces,
  bundlePlace,
  openStatement,
  readEnvelopes,
  type FoundEnvelope,
  type OnBroken,
  type Place,
} from '../sign/find.ts'
import type { PublicKey } from '../sign/public-key.ts'
import { inventoryArtifactType, predicateTypes, type StatementKind } from '../statement/types.ts'
import type { Admission } from './admitted.ts'
import { isEvidence, readEvidenceHead, type EvidenceHead } from './evidence.ts'
import type { Notes } from './notes.ts'
import { claimOf, kindOf, type Claim } from './statements.ts'

/** A job key with all evidence bundles that are bound to it. */
export interface JobKey {
  key: EvidenceHead['key']
  /** `iat` of the token in seconds, or null where token or `job` entry do not hold. */
  admitted: number | null
  /** Bundles and what their manifests name as subject. */
  heads: { manifest: Digest; subject: Digest }[]
}

/** A bundle that claims more than it proves: it names the key of a job, or points to its evidence, and somebody else signed it. */
export interface Sighting {
  manifest: Digest
  /** As its annotation says. */
  kind: StatementKind | null
  hint: string | null
  /** Hex digests of evidence that its payload names. */
  pointers: string[]
}

/** A statement that a key signed which may count, and that cannot be read. */
export interface BrokenClaim {
  manifest: Digest
  error: VerificationError
  signers: readonly string[]
}

/** What is attached to an image and may count; everything else is in the notes. */
export interface Attached {
  keys: JobKey[]
  /** Statements by one of these keys or by a release key. */
  claims: Claim[]
  broken: BrokenClaim[]
  /** A bounded number, to tell why what somebody attached does not help. */
  sightings: Sighting[]
}

/** What is kept of strangers, to give a reason for a refusal. */
const keptStrangers = 16
/** Keys that an envelope without any hint is checked with, newest job first. */
const triedKeys = 16
/** Larger payloads are not searched for pointers. */
const pointerBytes = 64 << 10

/**
 * Reads what is attached to an image (TRUST §5.2): first the heads of evidence bundles, each with the cheap check of its token, then the
 * envelopes. An envelope is parsed further only if a key of these bundles or a release key signed it. What a stranger attached costs one read
 * and one check, and nothing of it is kept.
 *
 * @param targets digest of the manifest, and of the index that names it, if the caller named one
 * @throws TransportError when the store does not answer: that is never "nothing is attached"
 */
export async function readAttached(
  store: Store,
  targets: readonly Digest[],
  releaseKeys: readonly PublicKey[],
  admit: Admission,
  notes: Notes,
): Promise<Attached> {
  const onBroken: OnBroken = ({ manifest, error }) =>
    notes.add(error.code === 'missing-blob' && error.subject === manifest ? 'missing' : 'unreadable', manifest)
  const heads = new HeadList(admit)
  const places: Place[] = []
  for (const target of targets) {
    for await (const stored of store.readReferrers(target, onBroken)) {
      if (!isIndex(stored.content) && isEvidence(stored.content)) await readHead(store, stored, heads, notes)
      else readPlace(stored, places, onBroken, notes)
    }
    places.push(...(await attestationPlaces(store, target, onBroken)))
  }
  const keys = heads.byKey()
  return { keys, ...(await readEnvelopesOf(store, places, targets, keys, releaseKeys, notes, onBroken)) }
}

/** Heads of evidence: all that the policy admits, and a few others for the reason of a refusal. */
class HeadList {
  readonly #keys = new Map<string, JobKey>()
  readonly #admit: Admission
  #strangers = 0

  constructor(admit: Admission) {
    this.#admit = admit
  }

  async add(head: EvidenceHead): Promise<boolean> {
    const admitted = await this.#admit(head)
    if (admitted === null && ++this.#strangers > keptStrangers) return false
    const known = this.#keys.get(head.key.thumbprint)
    const place = { manifest: head.manifest, subject: head.subject }
    if (known === undefined) {
      this.#keys.set(head.key.thumbprint, { key: head.key, admitted, heads: [place] })
    } else {
      // The same key with a token that holds and, in a stranger's copy, with one that does not: the better one counts.
      if (admitted !== null && (known.admitted === null || admitted > known.admitted)) known.admitted = admitted
      known.heads.push(place)
    }
    return true
  }

  /** Newest first. */
  byKey(): JobKey[] {
    return [...this.#keys.values()].sort(
      (a, b) => (b.admitted ?? -1) - (a.admitted ?? -1) || (a.key.thumbprint < b.key.thumbprint ? -1 : 1),
    )
  }
}

async function readHead(store: Store, stored: StoredManifest, heads: HeadList, notes: Notes): Promise<void> {
  const { content, descriptor } = stored
  if (isIndex(content)) return
  try {
    if (!(await heads.add(await readEvidenceHead(store, content, descriptor.digest))))
      notes.add('evidence', descriptor.digest)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    notes.add('evidence-unreadable', descriptor.digest)
  }
}

function readPlace(stored: StoredManifest, places: Place[], onBroken: OnBroken, notes: Notes): void {
  const { content, descriptor } = stored
  try {
    const place = bundlePlace(stored)
    if (place !== null) places.push(place)
    else if (content.artifactType !== inventoryArtifactType) notes.add('artifact', descriptor.digest)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    onBroken({ manifest: descriptor.digest, error })
  }
}

async function readEnvelopesOf(
  store: Store,
  places: readonly Place[],
  targets: readonly Digest[],
  keys: readonly JobKey[],
  releaseKeys: readonly PublicKey[],
  notes: Notes,
  onBroken: OnBroken,
): Promise<Omit<Attached, 'keys'>> {
  const byHint = new Map(keys.map(({ key }) => [key.hint, key.object]))
  const newest = keys.slice(0, triedKeys).map(({ key }) => key.object)
  const manifests = keys.flatMap(({ heads }) => heads.map(({ manifest }) => manifest.slice('sha256:'.length)))
  const claims = new Map<Digest, Claim>()
  const broken: BrokenClaim[] = []
  const sightings: Sighting[] = []

  /** A hint picks among the keys of jobs, whose bundles we write ourselves; a release key is tried with every envelope. */
  const tried = ({ signer }: FoundEnvelope): PublicKey[] => {
    if (signer?.kind !== 'key' || signer.hint === '') return [...releaseKeys, ...newest]
    const named = byHint.get(signer.hint)
    return named === undefined ? [...releaseKeys] : [...releaseKeys, named]
  }

  for await (const found of readEnvelopes(store, places, onBroken)) {
    const signers = tried(found)
      .filter((key) => isSignedBy(found.envelope, found.payload, key))
      .map(({ pem }) => pem)
    if (signers.length === 0) {
      const sighting = sightingOf(found, manifests)
      const known = sighting.pointers.length > 0 || (sighting.hint !== null && byHint.has(sighting.hint))
      if (known && sightings.length < keptStrangers) sightings.push(sighting)
      // Verdicts of other gates come and go, and what this verdict says must not change with them.
      if (sighting.kind !== 'vsa' && sighting.kind !== 'evidence') notes.add('foreign', found.manifest)
      continue
    }
    try {
      addClaim(claims, claimOf(openStatement(found), targets, signers))
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      broken.push({ manifest: found.manifest, error, signers })
      notes.add('unreadable', found.manifest)
    }
  }
  return { claims: [...claims.values()], broken, sightings }
}

/** The same payload is one claim, whoever attached it how often: a copy under a wrong annotation takes nothing from the right one. */
function addClaim(claims: Map<Digest, Claim>, claim: Claim): void {
  const known = claims.get(claim.payloadDigest)
  if (known === undefined) {
    claims.set(claim.payloadDigest, claim)
    return
  }
  const better = isRight(known) ? known : claim
  const signers = [...new Set([...known.signers, ...claim.signers])]
  claims.set(claim.payloadDigest, { ...known, manifest: better.manifest, declaredType: better.declaredType, signers })
}

function isRight({ declaredType, predicateType }: Claim): boolean {
  return declaredType === null || declaredType === predicateType
}

function sightingOf({ manifest, signer, declaredType, payload }: FoundEnvelope, evidence: readonly string[]): Sighting {
  const kind = declaredType === null ? null : kindOf(declaredType)
  const searched = declaredType === predicateTypes.evidence && payload.length <= pointerBytes
  return {
    manifest,
    kind,
    hint: signer?.kind === 'key' ? signer.hint : null,
    pointers: searched ? evidence.filter((hex) => payload.includes(hex)) : [],
  }
}
