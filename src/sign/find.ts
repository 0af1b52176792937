import { VerificationError } from '../base/errors.ts'
import { collect, sha256 } from '../base/streams.ts'
import { fromBase64 } from '../encoding/base64.ts'
import { slim } from '../oci/descriptor.ts'
import { isIndex } from '../oci/manifest.ts'
import type { Descriptor, Digest, Store, StoredManifest } from '../oci/types.ts'
import { parseStatement } from '../statement/statement.ts'
import type { Statement } from '../statement/types.ts'
import { bundleAnnotations } from './attach.ts'
import { isBundleMediaType } from './bundle.ts'
import {
  findLimits,
  readDocuments,
  type OnBroken,
  type Place,
  type ReadPlan,
  type SignedDocument,
} from './documents.ts'
import { legacyMaterial, type LegacyMaterial } from './legacy-material.ts'
import { dsseMediaType, legacyManifest, signatureAnnotation } from './legacy.ts'
import { parseSimpleSigning, simpleSigningMediaType, type SimpleSigning } from './simple-signing.ts'

export { findLimits } from './documents.ts'
export type { OnBroken, Place } from './documents.ts'

/** What a simple-signing payload holds at most: cosign's are some hundred bytes. */
const payloadBytes = 1 << 20
/** Longest text of an annotation that is kept. */
const textLength = 16 << 10
/** Longest name of a predicate type that is kept as a hint. */
const typeLength = 256

/** An envelope of somebody at one place; its payload is not parsed. */
export interface FoundEnvelope extends Place, SignedDocument {}

/** A statement as it was found: nothing in it is believed before its envelope was verified with a pinned key. */
export interface FoundStatement extends FoundEnvelope {
  payloadDigest: Digest
  statement: Statement
  predicateType: string
}

/** A legacy image signature as it was found, not yet believed. */
export interface FoundSignature {
  manifest: Digest
  payload: Buffer
  claims: SimpleSigning
  signature: Buffer
  /** Certificate and log entry where the signer had one. */
  legacy: LegacyMaterial | null
}

export interface FindOptions {
  /** Keep only statements of one of these types. */
  predicateTypes?: readonly string[] | undefined
  /**
   * Called for what is attached as a statement but cannot be read. Without it the first one is thrown: what failed to parse is never "none".
   */
  onBroken?: OnBroken | undefined
}

/**
 * Statements attached to a manifest: bundle referrers, known by the media type of their layer (fallback indexes may lie about the artifact
 * type), and envelopes under the legacy `.att` tag. The order is the store's, referrers first. Of large documents as many are read as
 * `findLimits.budget` holds, the smallest first; the rest is broken to this reader.
 *
 * @throws TransportError when the store does not answer; an empty list always means that it said "none"
 * @throws VerificationError `format-invalid`, `missing-blob`, `digest-mismatch` for a broken one, unless `onBroken` takes it
 */
export async function findStatements(
  store: Store,
  subject: Descriptor,
  options: FindOptions = {},
): Promise<FoundStatement[]> {
  const onBroken = options.onBroken ?? throwing
  const places: Place[] = []
  for await (const stored of store.readReferrers(subject.digest, onBroken)) {
    const place = attempt(stored.descriptor.digest, () => bundlePlace(stored), onBroken)
    if (place !== null) places.push(place)
  }
  places.push(...(await attestationPlaces(store, subject.digest, onBroken)))
  const plan: ReadPlan = {
    missing: () => Promise.resolve(null),
    onUnread: (unread) => {
      const why = `an attached document was not read: over the budget of ${findLimits.budget} bytes for large documents`
      for (const { manifest, layer } of unread)
        onBroken({ manifest, error: new VerificationError('format-invalid', why, { subject: layer.digest }) })
    },
  }
  const found = new Map<Place, FoundStatement>()
  for await (const { places: named, ...document } of readDocuments(store, places, onBroken, plan)) {
    const statement = attempt(named[0].manifest, () => openStatement({ ...document, ...named[0] }), onBroken)
    if (statement === null || !(options.predicateTypes?.includes(statement.predicateType) ?? true)) continue
    for (const place of named) found.set(place, { ...statement, ...place })
  }
  return places.flatMap((place) => found.get(place) ?? [])
}

/** Parses the payload of an envelope. @throws VerificationError `format-invalid` */
export function openStatement(found: FoundEnvelope): FoundStatement {
  const statement = parseStatement(found.payload)
  return {
    ...found,
    payloadDigest: sha256(found.payload),
    statement,
    predicateType: statement.predicateType,
  }
}

/**
 * Signatures under the legacy `.sig` tag, whoever made them.
 *
 * @throws TransportError, VerificationError as {@link findStatements}
 */
export async function findCosignSignatures(
  store: Store,
  subject: Pick<Descriptor, 'digest'>,
  options: Pick<FindOptions, 'onBroken'> = {},
): Promise<FoundSignature[]> {
  const onBroken = options.onBroken ?? throwing
  const found: FoundSignature[] = []
  const payloads = new Map<string, Promise<Buffer>>()
  for (const { manifest, layer } of await legacyLayers(
    store,
    subject.digest,
    'sig',
    simpleSigningMediaType,
    onBroken,
  )) {
    try {
      const text = layer.annotations?.[signatureAnnotation] ?? ''
      const signature = fromBase64(text.length > textLength ? '' : text.replace(/\s/g, ''), 'signature annotation')
      if (signature.length === 0)
        throw new VerificationError('format-invalid', 'the signature is empty', { subject: layer.digest })
      // Many signatures are over one payload, which is read once.
      const id = `${layer.digest} ${layer.size}`
      const reading = payloads.get(id) ?? readPayload(store, layer)
      payloads.set(id, reading)
      const payload = await reading
      const legacy = legacyMaterial(layer.annotations)
      found.push({ manifest, payload, claims: parseSimpleSigning(payload), signature, legacy })
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      onBroken({ manifest, error })
    }
  }
  return found
}

/** Where a referrer keeps its bundle, or null when it holds none. @throws VerificationError `format-invalid` for more than one layer */
export function bundlePlace({ content, descriptor }: StoredManifest): Place | null {
  if (isIndex(content)) return null
  const [layer] = content.layers
  if (layer === undefined || !isBundleMediaType(layer.mediaType)) return null
  if (content.layers.length !== 1) {
    throw new VerificationError('format-invalid', 'a bundle referrer has more than one layer', {
      subject: descriptor.digest,
    })
  }
  const declared = content.annotations?.[bundleAnnotations.predicateType] ?? null
  const declaredType = declared !== null && declared.length <= typeLength ? declared : null
  return { origin: 'referrer', manifest: descriptor.digest, layer: slim(layer), declaredType, legacy: null }
}

/** Where the envelopes of the legacy `.att` tag lie. */
export async function attestationPlaces(store: Store, digest: Digest, onBroken: OnBroken): Promise<Place[]> {
  // The annotation of these layers is cosign's own short name as often as a type.
  return (await legacyLayers(store, digest, 'att', dsseMediaType, onBroken)).map(({ manifest, layer }) => ({
    origin: 'att',
    manifest,
    layer: slim(layer),
    declaredType: null,
    legacy: legacyMaterial(layer.annotations),
  }))
}

async function legacyLayers(
  store: Store,
  digest: Digest,
  kind: 'sig' | 'att',
  mediaType: string,
  onBroken: OnBroken,
): Promise<{ manifest: Digest; layer: Descriptor }[]> {
  try {
    const legacy = await legacyManifest(store, digest, kind)
    if (legacy === null) return []
    const { layers } = legacy.manifest
    if (layers.length > findLimits.layers) {
      throw new VerificationError('format-invalid', `a legacy tag holds more than ${findLimits.layers} layers`, {
        subject: legacy.descriptor.digest,
      })
    }
    return layers
      .filter((layer) => layer.mediaType === mediaType)
      .map((layer) => ({ manifest: legacy.descriptor.digest, layer }))
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    onBroken({ manifest: digest, error })
    return []
  }
}

async function readPayload(store: Store, layer: Descriptor): Promise<Buffer> {
  if (layer.size > payloadBytes) {
    throw new VerificationError('format-invalid', `a signature's payload of ${layer.size} bytes is over the limit`, {
      subject: layer.digest,
    })
  }
  return collect(await store.openBlob(layer), layer.size, layer.digest)
}

function attempt<T>(manifest: Digest, read: () => T, onBroken: OnBroken): T | null {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    onBroken({ manifest, error })
    return null
  }
}

function throwing({ error }: { error: VerificationError }): never {
  throw error
}
