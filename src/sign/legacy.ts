import { VerificationError } from '../base/errors.ts'
import { jcs } from '../encoding/jcs.ts'
import { toBase64 } from '../encoding/base64.ts'
import { fallbackTag } from '../oci/digest.ts'
import { isIndex, manifestBytes } from '../oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Manifest, type Store } from '../oci/types.ts'
import type { Envelope } from '../statement/types.ts'
import { simpleSigningMediaType } from './simple-signing.ts'

export const signatureAnnotation = 'dev.cosignproject.cosign/signature'
export const predicateTypeAnnotation = 'predicateType'
export const dsseMediaType = 'application/vnd.dsse.envelope.v1+json'

/** Layers of one tag: cosign itself reads no more than 1000. */
const layerLimit = 1000

interface NewLayer {
  mediaType: string
  bytes: Uint8Array
  annotations: Record<string, string>
}

/** Tag under which both cosigns and image-rs look for legacy signatures (`sig`) and attestations (`att`). */
export function legacyTag(digest: Digest, kind: 'sig' | 'att'): string {
  return `${fallbackTag(digest)}.${kind}`
}

/**
 * Adds simple-signing signatures to the `.sig` tag. Others' layers stay in front and as they are; what is there already is not added.
 *
 * @returns descriptor of the tagged manifest
 */
export async function attachCosignSignature(
  store: Store,
  subject: Descriptor,
  signatures: readonly { payload: Uint8Array; signature: Uint8Array }[],
): Promise<Descriptor> {
  return append(
    store,
    legacyTag(subject.digest, 'sig'),
    signatures.map(({ payload, signature }) => ({
      mediaType: simpleSigningMediaType,
      bytes: payload,
      annotations: { [signatureAnnotation]: toBase64(signature) },
    })),
  )
}

/** Adds DSSE envelopes to the `.att` tag, all with one write. Others' layers stay in front and as they are. */
export async function attachCosignAttestation(
  store: Store,
  subject: Descriptor,
  attestations: readonly { envelope: Envelope; predicateType: string }[],
): Promise<Descriptor> {
  return append(
    store,
    legacyTag(subject.digest, 'att'),
    attestations.map(({ envelope, predicateType }) => ({
      mediaType: dsseMediaType,
      bytes: Buffer.from(JSON.stringify(envelope)),
      // cosign writes the signature annotation empty: the signatures are in the envelope.
      annotations: { [signatureAnnotation]: '', [predicateTypeAnnotation]: predicateType },
    })),
  )
}

/** The manifest under a legacy tag, or null where there is none. @throws VerificationError `format-invalid` for an index */
export async function legacyManifest(
  store: Store,
  digest: Digest,
  kind: 'sig' | 'att',
): Promise<{ descriptor: Descriptor; manifest: Manifest } | null> {
  const tag = legacyTag(digest, kind)
  const descriptor = await store.resolve({ tag })
  if (descriptor === null) return null
  const { content } = await store.getManifest(descriptor.digest)
  if (isIndex(content))
    throw new VerificationError('format-invalid', `the tag ${tag} is an index, not a manifest`, { subject: tag })
  return { descriptor, manifest: content }
}

async function append(store: Store, tag: string, added: readonly NewLayer[]): Promise<Descriptor> {
  const before = await readable(
    store,
    `sha256:${tag.slice('sha256-'.length, 'sha256-'.length + 64)}`,
    tag.endsWith('.sig') ? 'sig' : 'att',
  )
  const layers = [...(before?.manifest.layers ?? [])]
  let changed = before === null
  for (const { bytes, mediaType, annotations } of added) {
    const { digest, size } = await store.putBlob({ bytes })
    const same = layers.some(
      (layer) =>
        layer.digest === digest && layer.annotations?.[signatureAnnotation] === annotations[signatureAnnotation],
    )
    if (same) continue
    layers.push({ mediaType, digest, size, annotations })
    changed = true
  }
  if (before !== null && !changed) return before.descriptor
  if (layers.length > layerLimit) {
    throw new VerificationError('format-invalid', `${tag} would hold more than ${layerLimit} signatures`, {
      subject: tag,
    })
  }
  return putLegacy(store, tag, layers)
}

/**
 * The manifest under a tag, or null where the tag holds something that no reader of signatures takes (an index, a broken document): anybody
 * who may push can put that there, and it must not keep others from signing. The new manifest then takes the tag.
 */
async function readable(
  store: Store,
  digest: Digest,
  kind: 'sig' | 'att',
): Promise<{ descriptor: Descriptor; manifest: Manifest } | null> {
  try {
    return await legacyManifest(store, digest, kind)
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}

/** An image manifest whose config says nothing but the layers' digests, as cosign's does: readers take it for an image. */
async function putLegacy(store: Store, tag: string, layers: Descriptor[]): Promise<Descriptor> {
  const config = jcs({
    architecture: '',
    config: {},
    os: '',
    rootfs: { diff_ids: layers.map(({ digest }) => digest), type: 'layers' },
  })
  const { digest, size } = await store.putBlob({ bytes: config })
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest, size },
    layers,
  }
  return store.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag })
}
