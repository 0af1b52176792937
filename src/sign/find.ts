import { VerificationError } from '../base/errors.ts'
import { inOrder } from '../base/in-order.ts'
import { parseJson } from '../base/json.ts'
import { collect, sha256 } from '../base/streams.ts'
import { fromBase64 } from '../encoding/base64.ts'
import { isIndex } from '../oci/manifest.ts'
import type { Descriptor, Digest, Store, StoredManifest } from '../oci/types.ts'
import { parseStatement } from '../statement/statement.ts'
import type { Envelope, Statement } from '../statement/types.ts'
import { bundleAnnotations } from './attach.ts'
import { isBundleMediaType, parseBundle, type BundleSigner } from './bundle.ts'
import { envelopePayload, parseEnvelope } from './dsse.ts'
import { dsseMediaType, legacyManifest, signatureAnnotation } from './legacy.ts'
import { parseSimpleSigning, simpleSigningMediaType, type SimpleSigning } from './simple-signing.ts'

/** What we read of one document or tag at most: attached things are written by anybody who may push (CVE-2023-46737). */
export const findLimits = { layers: 1000, documentBytes: 128 << 20 } as const

/** Documents that are read at a time. */
const parallel = 4

/** Told of what is attached as a statement and cannot be read. */
export type OnBroken = (broken: { manifest: Digest; error: VerificationError }) => void

/** Where a bundle or an envelope lies; nothing of it was read. */
export interface Place {
  origin: 'referrer' | 'att'
  /** Manifest that holds it. */
  manifest: Digest
  layer: Descriptor
  /** Predicate type that an annotation names: a hint for readers, which neither selects nor excludes. */
  declaredType: string | null
}

/** An envelope of somebody; its payload is not parsed. */
export interface FoundEnvelope extends Place {
  envelope: Envelope
  /** Decoded bytes of the envelope's payload. */
  payload: Buffer
  /** What a bundle says of its signer; null in the legacy form. */
  signer: BundleSigner | null
}

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
 * type), and envelopes under the legacy `.att` tag. The order is the store's, referrers first.
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
  const found: FoundStatement[] = []
  for await (const item of readEnvelopes(store, places, onBroken)) {
    const statement = attempt(item.manifest, () => openStatement(item), onBroken)
    if (statement !== null && (options.predicateTypes?.includes(statement.predicateType) ?? true)) found.push(statement)
  }
  return found
}

/** Reads the envelopes at some places, a few at a time and none kept, in the order of the places. */
export async function* readEnvelopes(
  store: Store,
  places: readonly Place[],
  onBroken: OnBroken,
): AsyncGenerator<FoundEnvelope> {
  const read = async (place: Place): Promise<FoundEnvelope | null> => {
    try {
      return await readPlace(store, place)
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      onBroken({ manifest: place.manifest, error })
      return null
    }
  }
  for await (const item of inOrder(places, parallel, read)) if (item !== null) yield item
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
  for (const place of await legacyPlaces(store, subject.digest, 'sig', simpleSigningMediaType, onBroken)) {
    try {
      const payload = await readBlob(store, place.layer)
      const signature = fromBase64(
        (place.layer.annotations?.[signatureAnnotation] ?? '').replace(/\s/g, ''),
        'signature annotation',
      )
      if (signature.length === 0)
        throw new VerificationError('format-invalid', 'the signature is empty', { subject: place.layer.digest })
      found.push({ manifest: place.manifest, payload, claims: parseSimpleSigning(payload), signature })
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      onBroken({ manifest: place.manifest, error })
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
  const declaredType = content.annotations?.[bundleAnnotations.predicateType] ?? null
  return { origin: 'referrer', manifest: descriptor.digest, layer, declaredType }
}

/** Where the envelopes of the legacy `.att` tag lie. */
export async function attestationPlaces(store: Store, digest: Digest, onBroken: OnBroken): Promise<Place[]> {
  // The annotation of these layers is cosign's own short name as often as a type.
  return legacyPlaces(store, digest, 'att', dsseMediaType, onBroken)
}

async function legacyPlaces(
  store: Store,
  digest: Digest,
  kind: 'sig' | 'att',
  mediaType: string,
  onBroken: OnBroken,
): Promise<Place[]> {
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
      .map((layer) => ({ origin: 'att', manifest: legacy.descriptor.digest, layer, declaredType: null }))
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    onBroken({ manifest: digest, error })
    return []
  }
}

async function readPlace(store: Store, place: Place): Promise<FoundEnvelope> {
  const bytes = await readBlob(store, place.layer)
  const { envelope, signer } =
    place.origin === 'referrer'
      ? parseBundle(bytes)
      : { envelope: parseEnvelope(parseJson(bytes.toString('utf8'), 'the envelope')), signer: null }
  return { ...place, envelope, signer, payload: envelopePayload(envelope) }
}

async function readBlob(store: Store, layer: Descriptor): Promise<Buffer> {
  if (layer.size > findLimits.documentBytes) {
    throw new VerificationError('format-invalid', `an attached document of ${layer.size} bytes is over the limit`, {
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
