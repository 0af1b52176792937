import { VerificationError } from '../base/errors.ts'
import { parseJson } from '../base/json.ts'
import { collect } from '../base/streams.ts'
import type { Descriptor, Digest, Store } from '../oci/types.ts'
import { attestationPlaces, bundlePlace, findCosignSignatures, findLimits, type Place } from '../sign/find.ts'
import { parseEnvelope } from '../sign/dsse.ts'
import type { LegacyMaterial } from '../sign/legacy-material.ts'
import { artifactOf, type Artifact } from './artifact.ts'
import { legacyBundle } from './legacy.ts'
import { readBundle, type BundleContent, type SealedBundle } from './read.ts'

/** One signature that is attached to an image, whoever made it; nothing of it is believed. */
export interface AttachedBundle {
  /** Manifest that holds it. */
  manifest: Digest
  form: 'bundle' | 'att' | 'sig'
  bundle: SealedBundle
  /** What the signature has to be about. */
  artifact: Artifact
}

/** What is attached as a signature and cannot be read. */
export interface Unreadable {
  manifest: Digest
  error: VerificationError
}

/**
 * All signatures of an image that Sigstore's forms hold: bundles that refer to it, and cosign's `.att` and `.sig` tags. Each blob is read once, one after
 * the other: all small ones first, then larger ones by size, of these no more than `findLimits.budget` bytes. Anybody may attach, and what he claims
 * of sizes takes nothing from others (TRUST §5.2).
 *
 * @param image bytes of its manifest or index
 * @throws TransportError when the store does not answer: an empty list means that nothing is attached
 */
export async function* attachedBundles(
  store: Store,
  subject: Descriptor,
  image: Uint8Array,
  onUnreadable: (broken: Unreadable) => void,
): AsyncGenerator<AttachedBundle> {
  const places: Place[] = []
  for await (const stored of store.readReferrers(subject.digest, onUnreadable)) {
    const { digest } = stored.descriptor
    const place = attempt(digest, () => bundlePlace(stored), onUnreadable)
    if (place !== null) places.push(place)
  }
  places.push(...(await attestationPlaces(store, subject.digest, onUnreadable)))

  const artifact = artifactOf(image, subject.digest)
  let left: number = findLimits.budget
  for (const group of byBlob(places)) {
    const [{ layer }] = group
    const isSmall = layer.size <= findLimits.smallBytes
    const broken = (error: VerificationError): void => {
      for (const { manifest } of group) onUnreadable({ manifest, error })
    }
    if (layer.size > (isSmall ? layer.size : Math.min(left, findLimits.documentBytes))) {
      broken(tooMany())
      continue
    }
    const { bytes, count } = await read(store, layer, broken)
    if (!isSmall) left -= count
    if (bytes === null) continue
    for (const { manifest, origin, legacy } of group) {
      const form = origin === 'referrer' ? 'bundle' : 'att'
      const open = (): SealedBundle => (form === 'bundle' ? readBundle(bytes) : ofEnvelope(bytes, legacy))
      const bundle = attempt(manifest, open, onUnreadable)
      if (bundle !== null) yield { manifest, form, bundle, artifact }
    }
  }
  for (const { manifest, payload, claims, signature, legacy } of await findCosignSignatures(store, subject, {
    onBroken: onUnreadable,
  })) {
    const bundle = attempt(
      manifest,
      () => {
        // The payload is what is signed, and it says which image is meant.
        if (claims.digest !== subject.digest)
          throw new VerificationError('subject-mismatch', `the signature is over ${claims.digest}`, {
            subject: subject.digest,
          })
        return sealed({ kind: 'message', digest: null, signature }, legacy)
      },
      onUnreadable,
    )
    if (bundle !== null)
      yield { manifest, form: 'sig', bundle, artifact: artifactOf(payload, `the payload for ${subject.digest}`) }
  }
}

function ofEnvelope(bytes: Buffer, legacy: LegacyMaterial | null): SealedBundle {
  return sealed(
    { kind: 'envelope', envelope: parseEnvelope(parseJson(bytes.toString('utf8'), 'the envelope')) },
    legacy,
  )
}

function sealed(content: BundleContent, legacy: LegacyMaterial | null): SealedBundle {
  if (legacy !== null) return legacyBundle(legacy, content)
  return { version: 1, content, material: { kind: 'key', hint: '' }, entries: [], timestamps: [] }
}

/** Places of one blob together, as they describe it: small ones in their order, then larger ones by size. */
function byBlob(places: readonly Place[]): [Place, ...Place[]][] {
  const groups = new Map<string, [Place, ...Place[]]>()
  for (const place of places) {
    const { digest, size } = place.layer
    const known = groups.get(`${digest} ${size}`)
    if (known === undefined) groups.set(`${digest} ${size}`, [place])
    else known.push(place)
  }
  const rank = ([{ layer }]: readonly [Place, ...Place[]]): number =>
    layer.size <= findLimits.smallBytes ? 0 : layer.size
  return [...groups.values()].sort((a, b) => rank(a) - rank(b))
}

/** @returns also the number of bytes that came: a size that lies costs what was read, and no more */
async function read(
  store: Store,
  layer: Pick<Descriptor, 'digest' | 'size'>,
  broken: (error: VerificationError) => void,
): Promise<{ bytes: Buffer | null; count: number }> {
  let count = 0
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of await store.openBlob(layer)) {
      count += piece.length
      yield piece
    }
  }
  try {
    return { bytes: await collect(counted(), layer.size, layer.digest), count }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    broken(error)
    return { bytes: null, count }
  }
}

function attempt<T>(manifest: Digest, make: () => T, onUnreadable: (broken: Unreadable) => void): T | null {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    onUnreadable({ manifest, error })
    return null
  }
}

function tooMany(): VerificationError {
  return new VerificationError('format-invalid', 'not read: more is attached to the image than is read of one')
}
