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
 * All signatures of an image that Sigstore's forms hold: bundles that refer to it, and cosign's `.att` and `.sig` tags. One is read after the other, and no
 * more than `findLimits.budget` bytes in all.
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
  const keep = (manifest: Digest, place: Place | null): void => {
    if (place === null) return
    if (places.length < findLimits.layers) places.push(place)
    else onUnreadable({ manifest, error: tooMany() })
  }
  for await (const stored of store.readReferrers(subject.digest, onUnreadable)) {
    const { digest } = stored.descriptor
    keep(
      digest,
      attempt(digest, () => bundlePlace(stored), onUnreadable),
    )
  }
  for (const place of await attestationPlaces(store, subject.digest, onUnreadable)) keep(place.manifest, place)

  const artifact = artifactOf(image, subject.digest)
  let left: number = findLimits.budget
  for (const { manifest, layer, origin, legacy } of places) {
    if (layer.size > Math.min(left, findLimits.documentBytes)) {
      onUnreadable({ manifest, error: tooMany() })
      continue
    }
    left -= layer.size
    const bytes = await read(store, layer, manifest, onUnreadable)
    const bundle =
      bytes === null
        ? null
        : attempt(manifest, () => (origin === 'referrer' ? readBundle(bytes) : ofEnvelope(bytes, legacy)), onUnreadable)
    if (bundle !== null) yield { manifest, form: origin === 'referrer' ? 'bundle' : 'att', bundle, artifact }
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

async function read(
  store: Store,
  layer: Pick<Descriptor, 'digest' | 'size'>,
  manifest: Digest,
  onUnreadable: (broken: Unreadable) => void,
): Promise<Buffer | null> {
  try {
    return await collect(await store.openBlob(layer), layer.size, layer.digest)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    onUnreadable({ manifest, error })
    return null
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
