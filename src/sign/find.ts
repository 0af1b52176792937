import { VerificationError, type SealwrightError } from '../base/errors.ts'
import { parseJson } from '../base/json.ts'
import { collect, sha256 } from '../base/streams.ts'
import { fromBase64 } from '../encoding/base64.ts'
import { isIndex } from '../oci/manifest.ts'
import type { Descriptor, Digest, Store } from '../oci/types.ts'
import { parseStatement } from '../statement/statement.ts'
import type { Envelope, Statement } from '../statement/types.ts'
import { bundleAnnotations } from './attach.ts'
import { isBundleMediaType, parseBundle, type BundleSigner } from './bundle.ts'
import { envelopePayload, parseEnvelope } from './dsse.ts'
import { dsseMediaType, legacyManifest, predicateTypeAnnotation, signatureAnnotation } from './legacy.ts'
import { parseSimpleSigning, simpleSigningMediaType, type SimpleSigning } from './simple-signing.ts'

/** What we read of one subject at most: attached things are written by anybody who may push (CVE-2023-46737). */
export const findLimits = { referrers: 1000, layers: 1000, documentBytes: 128 << 20, totalBytes: 1 << 30 } as const

/** A statement as it was found: nothing in it is believed before its envelope was verified with a pinned key. */
export interface FoundStatement {
  origin: 'referrer' | 'att'
  /** Manifest that holds it. */
  manifest: Digest
  envelope: Envelope
  /** Decoded bytes of the envelope's payload. */
  payload: Buffer
  payloadDigest: Digest
  statement: Statement
  predicateType: string
  /** What a bundle says of its signer; null in the legacy form. */
  signer: BundleSigner | null
}

/** A legacy image signature as it was found, not yet believed. */
export interface FoundSignature {
  manifest: Digest
  payload: Buffer
  claims: SimpleSigning
  signature: Buffer
}

export interface FindOptions {
  /** Read only statements that are listed as one of these types; what lists no type is read and judged by its content. */
  predicateTypes?: readonly string[] | undefined
  /**
   * Called for what is attached as a statement but cannot be read. Without it the first one is thrown: what failed to parse is never "none".
   */
  onBroken?: ((broken: { manifest: Digest; error: SealwrightError }) => void) | undefined
}

interface Place {
  origin: 'referrer' | 'att'
  manifest: Digest
  layer: Descriptor
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
  const budget = { left: findLimits.totalBytes as number }
  const found: FoundStatement[] = []
  const attempt = async <T>(manifest: Digest, read: () => Promise<T>): Promise<T | null> => {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof VerificationError) || options.onBroken === undefined) throw error
      options.onBroken({ manifest, error })
      return null
    }
  }
  for (const referrer of await listReferrers(store, subject.digest)) {
    const place = await attempt(referrer.digest, () => bundlePlace(store, referrer, options))
    if (place === null) continue
    const statement = await attempt(referrer.digest, () => readPlace(store, place, budget))
    if (statement !== null && isWanted(statement.predicateType, options)) found.push(statement)
  }
  for (const place of (await attempt(subject.digest, () => attestationPlaces(store, subject.digest, options))) ?? []) {
    const statement = await attempt(place.manifest, () => readPlace(store, place, budget))
    if (statement !== null && isWanted(statement.predicateType, options)) found.push(statement)
  }
  return found
}

/**
 * Signatures under the legacy `.sig` tag, whoever made them.
 *
 * @throws TransportError, VerificationError as {@link findStatements}
 */
export async function findCosignSignatures(
  store: Store,
  subject: Descriptor,
  options: Pick<FindOptions, 'onBroken'> = {},
): Promise<FoundSignature[]> {
  const legacy = await legacyManifest(store, subject.digest, 'sig')
  if (legacy === null) return []
  const budget = { left: findLimits.totalBytes as number }
  const found: FoundSignature[] = []
  for (const layer of wantedLayers(legacy.manifest.layers, simpleSigningMediaType)) {
    try {
      const payload = await readBlob(store, layer, budget)
      const signature = fromBase64(
        (layer.annotations?.[signatureAnnotation] ?? '').replace(/\s/g, ''),
        'signature annotation',
      )
      if (signature.length === 0)
        throw new VerificationError('format-invalid', 'the signature is empty', { subject: layer.digest })
      found.push({ manifest: legacy.descriptor.digest, payload, claims: parseSimpleSigning(payload), signature })
    } catch (error) {
      if (!(error instanceof VerificationError) || options.onBroken === undefined) throw error
      options.onBroken({ manifest: legacy.descriptor.digest, error })
    }
  }
  return found
}

async function listReferrers(store: Store, digest: Digest): Promise<Descriptor[]> {
  const all = await store.referrers(digest)
  if (all.length > findLimits.referrers) {
    throw new VerificationError(
      'format-invalid',
      `${digest} has ${all.length} referrers, more than ${findLimits.referrers}`,
      {
        subject: digest,
        remedy: 'Remove what does not belong to this image, or publish it under another name.',
      },
    )
  }
  return all
}

/** Where a referrer keeps its bundle, or null when it is no bundle or not a wanted one. */
async function bundlePlace(store: Store, referrer: Descriptor, options: FindOptions): Promise<Place | null> {
  const { content } = await store.getManifest(referrer.digest)
  if (isIndex(content)) return null
  const layer = content.layers[0]
  if (layer === undefined || !isBundleMediaType(layer.mediaType)) return null
  if (content.layers.length !== 1) throw tooMany(referrer.digest)
  if (!isWanted(content.annotations?.[bundleAnnotations.predicateType], options)) return null
  return { origin: 'referrer', manifest: referrer.digest, layer }
}

async function attestationPlaces(store: Store, digest: Digest, options: FindOptions): Promise<Place[]> {
  const legacy = await legacyManifest(store, digest, 'att')
  if (legacy === null) return []
  return wantedLayers(legacy.manifest.layers, dsseMediaType)
    .filter((layer) => isWanted(layer.annotations?.[predicateTypeAnnotation], options))
    .map((layer) => ({ origin: 'att', manifest: legacy.descriptor.digest, layer }))
}

function wantedLayers(layers: readonly Descriptor[], mediaType: string): Descriptor[] {
  if (layers.length > findLimits.layers) {
    throw new VerificationError('format-invalid', `a legacy tag holds more than ${findLimits.layers} layers`, {
      subject: mediaType,
    })
  }
  return layers.filter((layer) => layer.mediaType === mediaType)
}

async function readPlace(store: Store, place: Place, budget: { left: number }): Promise<FoundStatement> {
  const bytes = await readBlob(store, place.layer, budget)
  const { envelope, signer } =
    place.origin === 'referrer'
      ? parseBundle(bytes)
      : { envelope: parseEnvelope(parseJson(bytes.toString('utf8'), 'the envelope')), signer: null }
  const payload = envelopePayload(envelope)
  const statement = parseStatement(payload)
  const payloadDigest = sha256(payload) as Digest
  const { origin, manifest } = place
  return {
    origin,
    manifest,
    envelope,
    payload,
    payloadDigest,
    statement,
    predicateType: statement.predicateType,
    signer,
  }
}

async function readBlob(store: Store, layer: Descriptor, budget: { left: number }): Promise<Buffer> {
  if (layer.size > findLimits.documentBytes || layer.size > budget.left) {
    throw new VerificationError('format-invalid', `an attached document of ${layer.size} bytes is over the limit`, {
      subject: layer.digest,
    })
  }
  budget.left -= layer.size
  return collect(await store.openBlob(layer), layer.size, layer.digest)
}

function isWanted(predicateType: string | undefined, options: FindOptions): boolean {
  return (
    predicateType === undefined ||
    options.predicateTypes === undefined ||
    options.predicateTypes.includes(predicateType)
  )
}

function tooMany(digest: Digest): VerificationError {
  return new VerificationError('format-invalid', 'a bundle referrer has more than one layer', { subject: digest })
}
