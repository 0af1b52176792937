import { VerificationError } from '../base/errors.ts'
import { sha256 } from '../base/streams.ts'
import type { PinnedLog } from '../log/pinned-log.ts'
import type { Digest, Store } from '../oci/types.ts'
import { readDocuments, type FoundDocument, type ReadPlan } from '../sign/documents.ts'
import { signersOf } from '../sign/dsse.ts'
import { openStatement, type FoundEnvelope, type OnBroken, type Place } from '../sign/find.ts'
import type { PublicKey } from '../sign/public-key.ts'
import { claimKindOf } from '../statement/claims/types.ts'
import { noticeTypes } from '../statement/notices.ts'
import { predicateTypes } from '../statement/types.ts'
import type { Attached, BrokenClaim, JobKey, Lacks, Sighting } from './attached-types.ts'
import { isGates } from './candidates.ts'
import type { CertificateSigners } from './certificate-signers.ts'
import { joinLogged, loggedOf, provenBy } from './logged.ts'
import { missingPayloads } from './missing-payloads.ts'
import type { Notes } from './notes.ts'
import { earliest, timesOf, type SignatureTime, type TimeSources } from './signature-times.ts'
import { claimOf, kindOf, type Claim } from './statements.ts'

/** What is kept of strangers, to give a reason for a refusal. */
const keptStrangers = 16
/** Keys that an envelope without any hint is checked with, newest job first. */
const triedKeys = 16
/** Larger payloads are not searched for pointers, and a job's key is tried with them only where the bundle names it, as ours always do. */
const smallPayload = 64 << 10

/** Reads the envelopes that may count (TRUST §5.2): one is parsed further only if a key of a job or a release key signed it. */
export async function readEnvelopesOf(from: {
  store: Store
  places: readonly Place[]
  targets: readonly Digest[]
  keys: readonly JobKey[]
  releaseKeys: readonly PublicKey[]
  /** Null where nobody asks for signatures by certificates. */
  certificates: CertificateSigners | null
  /** Of promotion records alone; null where nobody asks for them. */
  receivers: CertificateSigners | null
  notes: Notes
  onBroken: OnBroken
  lacks: Lacks
  time: TimeSources
  /** Null where no log is pinned. */
  log: PinnedLog | null
}): Promise<Omit<Attached, 'keys'>> {
  const { store, places, targets, keys, releaseKeys, certificates, receivers, notes, onBroken, lacks, time, log } = from
  const byHint = new Map(keys.map(({ key }) => [key.hint, key.object]))
  const newest = keys.slice(0, triedKeys).map(({ key }) => key.object)
  const manifests = keys.flatMap(({ heads }) => heads.map(({ manifest }) => manifest.slice('sha256:'.length)))
  const claims = new Map<Digest, Claim>()
  const broken: BrokenClaim[] = []
  const sightings: Sighting[] = []
  const foreignClaims: Attached['foreignClaims'] = new Map()

  /** A hint picks among the keys of jobs, whose bundles we write ourselves; a release key is tried with every envelope. */
  const tried = ({ signer, payload }: FoundDocument): PublicKey[] => {
    if (signer?.kind !== 'key' || signer.hint === '')
      return payload.length > smallPayload ? [...releaseKeys] : [...releaseKeys, ...newest]
    const named = byHint.get(signer.hint)
    return named === undefined ? [...releaseKeys] : [...releaseKeys, named]
  }
  const addForeign = (found: FoundEnvelope): void => {
    const sighting = sightingOf(found, manifests)
    const known = sighting.pointers.length > 0 || (sighting.hint !== null && byHint.has(sighting.hint))
    if (known && sightings.length < keptStrangers) sightings.push(sighting)
    const claim = claimKindOf(found.declaredType ?? '')
    if (claim !== null && !foreignClaims.has(claim)) foreignClaims.set(claim, found.manifest)
    // Verdicts of other gates come and go, and what this verdict says must not change with them.
    // Who signs a status by an identity is judged by the step about it.
    const isNotice = Object.values<string>(noticeTypes).includes(found.declaredType ?? '')
    if (sighting.kind !== 'evidence' && !isGates(sighting.kind) && !isNotice) notes.add('foreign', found.manifest)
  }
  const missing = missingPayloads(store, targets, keys, claims)
  const plan: ReadPlan = {
    missing: async () => (await missing()) ?? ((await lacks([...claims.values()])) ? [] : null),
    onUnread: (unread, bytes) => {
      const manifests = unread.map(({ manifest }) => manifest)
      notes.addUnread(manifests, bytes)
    },
  }

  for await (const document of readDocuments(store, places, onBroken, plan)) {
    const { places: named, ...signed } = document
    const fit = certificates?.signersOf(signed, named, targets) ?? null
    const certified = fit === null ? [] : [fit]
    const received = receivedBy(receivers, document, targets)
    const signers = [
      ...signersOf(document.envelope, document.payload, tried(document)).map(({ pem }) => pem),
      ...certified.flatMap(({ ids }) => ids),
      ...received.map(({ by }) => by),
    ]
    if (signers.length === 0) {
      for (const place of named) addForeign({ ...signed, ...place })
      continue
    }
    const { times, others } = timesOf(signed, signers, time)
    if (others > 0) for (const { manifest } of named) notes.add('stamp', manifest)
    const logged = provenBy(loggedOf(signed, signers), signed.payload, log)
    try {
      const statement = openStatement({ ...signed, ...named[0] })
      const all = earliest([...times, ...received])
      for (const place of named)
        addClaim(claims, claimOf({ ...statement, ...place }, targets, signers, all, logged, certified))
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      for (const { manifest } of named) {
        broken.push({ manifest, error, signers })
        notes.add('unreadable', manifest)
      }
    }
  }
  return { claims: [...claims.values()], broken, sightings, foreignClaims }
}

/** The receivers whose certificate signed a promotion record, each with the proven time of the signature. One that no log shows does not count. */
function receivedBy(
  receivers: CertificateSigners | null,
  { places, ...signed }: FoundDocument,
  targets: readonly Digest[],
): SignatureTime[] {
  if (receivers === null || !signed.payload.includes(predicateTypes.promotion)) return []
  const { ids, lacks, at } = receivers.signersOf(signed, places, targets) ?? { ids: [], lacks: [] }
  if (lacks.length > 0 || at === undefined) return []
  const digest = sha256(signed.bundle ?? signed.payload)
  return ids.map((by) => ({ by, time: at, accuracyMs: 0, authority: 'certificate', keys: [], digest }))
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
  const times = earliest([...known.times, ...claim.times])
  claims.set(claim.payloadDigest, {
    ...known,
    manifest: better.manifest,
    declaredType: better.declaredType,
    signers,
    certified: [...known.certified, ...claim.certified],
    times,
    logged: joinLogged(known.logged, claim.logged),
  })
}

function isRight({ declaredType, predicateType }: Claim): boolean {
  return declaredType === null || declaredType === predicateType
}

function sightingOf({ manifest, signer, declaredType, payload }: FoundEnvelope, evidence: readonly string[]): Sighting {
  const kind = declaredType === null ? null : kindOf(declaredType)
  const searched = declaredType === predicateTypes.evidence && payload.length <= smallPayload
  return {
    manifest,
    kind,
    hint: signer?.kind === 'key' ? signer.hint : null,
    pointers: searched ? evidence.filter((hex) => payload.includes(hex)) : [],
  }
}
