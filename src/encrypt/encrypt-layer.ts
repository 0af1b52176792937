import { InputError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import type { ByteSource } from '../base/streams.ts'
import { isEncryptedType } from '../oci/descriptor.ts'
import { mediaTypes, type Descriptor, type Store } from '../oci/types.ts'
import { encrypting } from './cipher.ts'
import { annotations, privateOptionsBytes, publicOptions } from './options.ts'
import { wrapFor, type KekWrap, type Recipient } from './recipients.ts'

/** How layers are encrypted in one run. */
export interface EncryptionPlan {
  readonly target: Store
  readonly recipients: readonly Recipient[]
  readonly kek: KekWrap
  readonly random: Ports['random']
}

/** Where a layer stands in its image, for messages. */
export interface LayerPlace {
  /** From 0. */
  index: number
  /** Layers of the image that can be encrypted. */
  possible: readonly number[]
}

/** Whether a layer can be encrypted so that guests open it. */
export function canEncrypt(mediaType: string): boolean {
  return encryptable.includes(mediaType)
}

const encryptable: readonly string[] = [mediaTypes.layerTar, mediaTypes.layerGzip, mediaTypes.dockerLayer]

/**
 * Media type of a layer once encrypted; Docker's names become OCI's, since guests refuse `docker…+encrypted` (coco.md §12).
 *
 * @throws InputError `unsupported` for what guests cannot open: zstd, an already encrypted layer, anything that is no layer
 */
export function encryptedMediaType(mediaType: string, place?: LayerPlace): string {
  if (canEncrypt(mediaType))
    return (mediaType === mediaTypes.dockerLayer ? mediaTypes.layerGzip : mediaType) + mediaTypes.encryptedSuffix
  const remedy = isEncryptedType(mediaType)
    ? 'The image is encrypted already: name the plain one.'
    : /zstd/.test(mediaType)
      ? zstdRemedy(place)
      : 'Only tar and tar+gzip layers can be encrypted.'
  const which = place === undefined ? 'a layer' : `layer ${place.index}`
  throw new InputError('unsupported', `${which} of type ${mediaType} cannot be encrypted`, {
    subject: mediaType,
    remedy,
  })
}

/** The layers of a base image keep their compression, whatever the build is told for its own. */
function zstdRemedy(place: LayerPlace | undefined): string {
  const ways = [
    'build with compression: gzip',
    'if it is a layer of the base image, which keeps its compression, recompress that first (skopeo copy --dest-compress-format gzip)',
    ...(place === undefined || place.possible.length === 0
      ? []
      : [`encrypt the others alone (layers: ${place.possible.join(',')}), which leaves this one readable to all`]),
  ]
  return `Confidential guests do not open encrypted zstd layers: ${ways.join('; or ')}.`
}

/**
 * Encrypts one layer with a fresh key while it flows into the target store, then wraps the key for all recipients.
 *
 * @param plain bytes of the layer as stored, from an opener that checks their digest at the end (`Store.openBlob`); the private options name it
 * @returns descriptor of the encrypted layer, annotations included
 */
export async function encryptLayer(layer: Descriptor, plain: ByteSource, plan: EncryptionPlan): Promise<Descriptor> {
  const mediaType = encryptedMediaType(layer.mediaType)
  const key = { key: plan.random(32), nonce: plan.random(16) }
  const { stream, hmac } = encrypting(plain, key)
  const { digest, size } = await plan.target.putBlob({ stream })
  const wrapped = await wrapFor(plan.recipients, privateOptionsBytes({ ...key, digest: layer.digest }), plan.kek)
  return {
    mediaType,
    digest,
    size,
    annotations: { ...layer.annotations, ...wrapped, [annotations.publicOptions]: publicOptions(hmac()) },
  }
}
