import { VerificationError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import { putArtifact } from '../../oci/artifact.ts'
import { eachAttached, openRoom, type Room } from '../../oci/each-attached.ts'
import { isIndex } from '../../oci/manifest.ts'
import type { OnBroken } from '../../oci/referrers.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import type { NotationSignature } from './envelope.ts'
import {
  notationArtifactType,
  notationEnvelopeLimit,
  notationMediaTypes,
  thumbprintAnnotation,
  type NotationFormat,
} from './names.ts'
import { readNotationCose } from './read-cose.ts'
import { readNotationJws } from './read-jws.ts'

/** A signature that is attached to a manifest. */
export interface AttachedNotation {
  readonly manifest: Digest
  readonly signature: NotationSignature
}

/** Reads an envelope of either form. @throws VerificationError */
export function readNotation(bytes: Uint8Array, format: NotationFormat, subject: string): NotationSignature {
  return format === 'cose' ? readNotationCose(bytes, subject) : readNotationJws(bytes, subject)
}

/**
 * Attaches an envelope to a manifest as OCI referrer. The type stands both as artifact type and as config type, so that registries and readers from
 * before artifact types find it.
 */
export async function attachNotation(
  store: Store,
  subject: Descriptor,
  envelope: Uint8Array,
  format: NotationFormat,
): Promise<Descriptor> {
  const { chain } = readNotation(envelope, format, 'the new signature')
  return putArtifact(store, {
    artifactType: notationArtifactType,
    subject,
    config: { mediaType: notationArtifactType, bytes: Buffer.from('{}') },
    layers: [{ mediaType: notationMediaTypes[format], bytes: envelope }],
    annotations: { [thumbprintAnnotation]: JSON.stringify(chain.map(({ fingerprint }) => fingerprint)) },
  })
}

/**
 * The signatures of the Notary Project that are attached to a manifest, for a list. Whoever decides by them reads {@link eachNotation}.
 *
 * @param onBroken hears of a referrer that is not such a signature, or cannot be read, and (`not-checked`) of each one beyond 64 MiB: strangers may
 *   attach what they like
 */
export async function findNotation(store: Store, subject: Descriptor, onBroken: OnBroken): Promise<AttachedNotation[]> {
  const found: AttachedNotation[] = []
  for await (const one of readEach(store, subject, onBroken, openRoom())) found.push(one)
  return found
}

/**
 * The same one after the other, and however many there are: no number of signatures by strangers hides one that counts (TRUST §5.2). None is kept.
 */
export function eachNotation(store: Store, subject: Descriptor, onBroken: OnBroken): AsyncGenerator<AttachedNotation> {
  return readEach(store, subject, onBroken)
}

function readEach(
  store: Store,
  subject: Descriptor,
  onBroken: OnBroken,
  room?: Room,
): AsyncGenerator<AttachedNotation> {
  const read = async (manifest: Digest): Promise<AttachedNotation> => ({
    manifest,
    signature: await readAttached(store, subject, manifest, room),
  })
  return eachAttached(store, subject, notationArtifactType, read, onBroken)
}

async function readAttached(
  store: Store,
  subject: Descriptor,
  digest: Digest,
  room?: Room,
): Promise<NotationSignature> {
  const { content } = await store.getManifest(digest)
  const refuse = (why: string): VerificationError =>
    new VerificationError('format-invalid', `${digest} ${why}`, { subject: digest })
  if (isIndex(content)) throw refuse('is an index, not a signature')
  if (content.subject?.digest !== subject.digest) throw refuse('is not about this manifest')
  const [layer, more] = content.layers
  const format =
    layer?.mediaType === notationMediaTypes.cose ? 'cose' : layer?.mediaType === notationMediaTypes.jws ? 'jws' : null
  if (layer === undefined || more !== undefined || format === null)
    throw refuse('does not hold one envelope of COSE or JWS')
  room?.take(layer)
  const bytes = await collect(await store.openBlob(layer), notationEnvelopeLimit, layer.digest)
  return readNotation(bytes, format, `signature ${digest}`)
}
