import { TransportError, VerificationError } from '../base/errors.ts'
import { sha256 } from '../base/streams.ts'
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

/** How often a write is tried again because somebody else moved the tag meanwhile. */
const attempts = 16

interface NewLayer {
  mediaType: string
  digest: Digest
  /** Size of what the store holds already, or the bytes. */
  content: number | Uint8Array
  annotations: Record<string, string>
}

/** What stands under a legacy tag afterwards. */
export interface Appended {
  /** The tagged manifest. */
  manifest: Descriptor
  /** Something was missing there and was written. */
  added: boolean
}

/** Tag under which both cosigns and image-rs look for legacy signatures (`sig`) and attestations (`att`). */
export function legacyTag(digest: Digest, kind: 'sig' | 'att'): string {
  return `${fallbackTag(digest)}.${kind}`
}

/**
 * Adds simple-signing signatures to the `.sig` tag. Others' layers stay in front and as they are; what is there already is not added.
 *
 * @throws TransportError `registry-error` where others move the tag each time
 */
export async function attachCosignSignature(
  store: Store,
  subject: Descriptor,
  signatures: readonly { payload: Uint8Array; signature: Uint8Array }[],
): Promise<Appended> {
  return append(
    store,
    legacyTag(subject.digest, 'sig'),
    signatures.map(({ payload, signature }) => ({
      mediaType: simpleSigningMediaType,
      digest: sha256(payload),
      content: payload,
      annotations: { [signatureAnnotation]: toBase64(signature) },
    })),
  )
}

/** Adds DSSE envelopes to the `.att` tag, all with one write. Others' layers stay in front and as they are. */
export async function attachCosignAttestation(
  store: Store,
  subject: Descriptor,
  attestations: readonly { envelope: Envelope; predicateType: string }[],
): Promise<Appended> {
  return append(
    store,
    legacyTag(subject.digest, 'att'),
    attestations.map(({ envelope, predicateType }) => {
      const bytes = Buffer.from(JSON.stringify(envelope))
      // cosign writes the signature annotation empty: the signatures are in the envelope.
      const annotations = { [signatureAnnotation]: '', [predicateTypeAnnotation]: predicateType }
      return { mediaType: dsseMediaType, digest: sha256(bytes), content: bytes, annotations }
    }),
  )
}

/**
 * Brings a copied manifest under a legacy tag. Signatures that others made at the target stay there, in front; where all of them are in the copy, the tag
 * names the copy itself. Of more than a thousand the copy's last ones are left out.
 *
 * @param copy whose blobs are in the store
 * @throws TransportError `registry-error` where others move the tag each time
 */
export async function mergeLegacyTag(store: Store, tag: string, copy: Digest): Promise<void> {
  const { content } = await store.getManifest(copy)
  const copied = isIndex(content) ? [] : content.layers.map(asNewLayer)
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { from, layers: there } = await standing(store, tag)
    if (from === copy) return
    if (!there.every((layer) => copied.some((one) => isSame(layer, one)))) {
      const missing = copied.filter((layer) => !there.some((one) => isSame(one, layer)))
      await append(store, tag, missing.slice(0, Math.max(0, layerLimit - there.length)))
      return
    }
    if (store.retag === undefined || from === undefined) return store.tag(tag, copy)
    if (await store.retag(tag, copy, from)) return
  }
  throw moving(store, tag)
}

function asNewLayer({ mediaType, digest, size, annotations = {} }: Descriptor): NewLayer {
  return { mediaType, digest, content: size, annotations }
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

/**
 * Adds layers by reading the tag, writing a longer manifest and moving the tag, if nobody moved it meanwhile; else it is done again.
 *
 * @throws TransportError `registry-error` where others move the tag each time
 */
async function append(store: Store, tag: string, added: readonly NewLayer[]): Promise<Appended> {
  const seen: Descriptor[] = []
  for (let attempt = 0; attempt < attempts; attempt++) {
    const before = await standing(store, tag)
    const missing = added.filter((layer) => !before.layers.some((one) => isSame(one, layer)))
    if (before.manifest !== null && missing.length === 0) return { manifest: before.manifest, added: attempt > 0 }
    // A writer who lost a race writes back what the winner had not read, so that many writers agree after few rounds.
    seen.push(...before.layers.filter((layer) => !seen.some((one) => isSame(one, layer))))
    const layers = [...before.layers, ...seen.filter((layer) => !before.layers.some((one) => isSame(one, layer)))]
    for (const layer of missing) {
      if (layers.some((one) => isSame(one, layer))) continue
      const { digest, content } = layer
      const size = typeof content === 'number' ? content : (await store.putBlob({ bytes: content })).size
      layers.push({ mediaType: layer.mediaType, digest, size, annotations: layer.annotations })
    }
    if (layers.length > layerLimit) {
      throw new VerificationError('format-invalid', `${tag} would hold more than ${layerLimit} signatures`, {
        subject: tag,
      })
    }
    const manifest = await putLegacy(store, layers)
    // What no reader takes is not worth waiting for: the new manifest takes the tag.
    if (store.retag === undefined || before.from === undefined) {
      await store.tag(tag, manifest.digest)
      return { manifest, added: true }
    }
    if (await store.retag(tag, manifest.digest, before.from)) return { manifest, added: true }
  }
  throw moving(store, tag)
}

function moving(store: Store, tag: string): TransportError {
  return new TransportError('registry-error', `${store.name}: other writers move the tag ${tag} all the time`, {
    subject: `${store.name}:${tag}`,
    remedy: 'Let one job at a time sign an image, and run this again.',
  })
}

function isSame(layer: Descriptor, { digest, annotations }: Pick<Descriptor, 'digest' | 'annotations'>): boolean {
  return layer.digest === digest && layer.annotations?.[signatureAnnotation] === annotations?.[signatureAnnotation]
}

/** Where a tag stands (`undefined`: cannot be told), the manifest that readers of signatures find there, and its layers. */
interface Standing {
  from: Digest | null | undefined
  manifest: Descriptor | null
  layers: readonly Descriptor[]
}

/**
 * Anybody who may push can put something under a tag that no reader of signatures takes (an index, a broken document), and it must not keep
 * others from signing: it has no layers then.
 */
async function standing(store: Store, tag: string): Promise<Standing> {
  let from: Digest | null | undefined
  try {
    from = (await store.resolve({ tag }))?.digest ?? null
    if (from === null) return { from, manifest: null, layers: [] }
    const { descriptor, content } = await store.getManifest(from)
    return isIndex(content)
      ? { from, manifest: null, layers: [] }
      : { from, manifest: descriptor, layers: content.layers }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { from, manifest: null, layers: [] }
  }
}

/** An image manifest whose config says nothing but the layers' digests, as cosign's does: readers take it for an image. */
async function putLegacy(store: Store, layers: Descriptor[]): Promise<Descriptor> {
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
  return store.putManifest(manifestBytes(manifest), mediaTypes.manifest)
}
