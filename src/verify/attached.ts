import { VerificationError } from '../base/errors.ts'
import type { PinnedLog } from '../log/pinned-log.ts'
import { lookAhead } from '../oci/look-ahead.ts'
import { isIndex } from '../oci/manifest.ts'
import type { Digest, Store, StoredManifest } from '../oci/types.ts'
import { attestationPlaces, bundlePlace, type OnBroken, type Place } from '../sign/find.ts'
import type { PublicKey } from '../sign/public-key.ts'
import { inventoryArtifactType } from '../statement/types.ts'
import type { Admission } from './admitted.ts'
import type { Attached, JobKey, Lacks, Receivers } from './attached-types.ts'
import { isEvidence, readEvidenceHead, type EvidenceHead } from './evidence.ts'
import type { Notes } from './notes.ts'
import type { CertificateSigners } from './certificate-signers.ts'
import { readEnvelopesOf } from './read-claims.ts'
import { noTime, type TimeSources } from './signature-times.ts'

/** What is kept of strangers, to give a reason for a refusal. */
const keptStrangers = 16

/**
 * Reads what is attached to an image (TRUST §5.2): first the heads of evidence bundles, each with the cheap check of its token, then the
 * envelopes. An envelope is parsed further only if a key of these bundles or a release key signed it. What a stranger attached costs one read
 * and one check, and nothing of it is kept.
 *
 * @param targets digest of the manifest, and of the index that names it, if the caller named one
 * @param time whose word on the time of a signature counts
 * @param log whose entries count; null where none is pinned
 * @param receivers whose certificates and jobs count on promotion records, and on nothing else
 * @param lacks asked when no sealed journal names anything that was not found
 * @throws TransportError when the store does not answer: that is never "nothing is attached"
 */
export async function readAttached(
  store: Store,
  targets: readonly Digest[],
  releaseKeys: readonly PublicKey[],
  certificates: CertificateSigners | null,
  admit: Admission,
  notes: Notes,
  lacks: Lacks = () => Promise.resolve(false),
  time: TimeSources = noTime,
  log: PinnedLog | null = null,
  receivers: Receivers = { certificates: null, admit: null },
): Promise<Attached> {
  const onBroken: OnBroken = ({ manifest, error }) =>
    notes.add(error.code === 'missing-blob' && error.subject === manifest ? 'missing' : 'unreadable', manifest)
  const heads = new HeadList(admit, receivers.admit)
  const places: Place[] = []
  // All questions are asked at once, and the answers taken in order.
  const ahead = lookAhead(store)
  for (const target of targets) ahead.start(target)
  const legacy = targets.map((target) => legacyPlaces(store, target))
  // A failure is thrown in its turn.
  for (const one of legacy) one.catch(() => {})
  try {
    for (const [i, target] of targets.entries()) {
      for await (const stored of ahead.read(target, onBroken)) {
        if (!isIndex(stored.content) && isEvidence(stored.content)) await readHead(store, stored, heads, notes)
        else readPlace(stored, places, onBroken, notes)
      }
      const { found, broken } = (await legacy[i]) ?? { found: [], broken: [] }
      for (const one of broken) onBroken(one)
      places.push(...found)
    }
  } finally {
    ahead.close()
  }
  const keys = heads.byKey()
  return {
    keys,
    ...(await readEnvelopesOf({
      store,
      places,
      targets,
      keys,
      releaseKeys,
      certificates,
      receivers: receivers.certificates,
      notes,
      onBroken,
      lacks,
      time,
      log,
    })),
  }
}

/** What lies under cosign's tag of attestations, and what of it is broken. */
async function legacyPlaces(
  store: Store,
  target: Digest,
): Promise<{ found: readonly Place[]; broken: readonly Parameters<OnBroken>[0][] }> {
  const broken: Parameters<OnBroken>[0][] = []
  return { found: await attestationPlaces(store, target, (one) => broken.push(one)), broken }
}

/** Heads of evidence: all that the policy admits, and a few others for the reason of a refusal. */
class HeadList {
  readonly #keys = new Map<string, JobKey>()
  readonly #admit: Admission
  readonly #receive: Admission | null
  #strangers = 0

  constructor(admit: Admission, receive: Admission | null) {
    this.#admit = admit
    this.#receive = receive
  }

  async add(head: EvidenceHead): Promise<boolean> {
    const admitted = await this.#admit(head)
    const received = (await this.#receive?.(head)) ?? null
    if (admitted === null && received === null && ++this.#strangers > keptStrangers) return false
    const known = this.#keys.get(head.key.thumbprint)
    const place = { manifest: head.manifest, subject: head.subject }
    if (known === undefined) {
      this.#keys.set(head.key.thumbprint, { key: head.key, admitted, received, heads: [place] })
    } else {
      // The same key with a token that holds and, in a stranger's copy, with one that does not: the better one counts.
      known.admitted = later(known.admitted, admitted)
      known.received = later(known.received, received)
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

function later(one: number | null, other: number | null): number | null {
  return one === null || (other !== null && other > one) ? other : one
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
