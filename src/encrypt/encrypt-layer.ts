import { InputError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import { isEncryptedType } from '../oci/descriptor.ts'
import { mediaTypes, type Descriptor, type Store } from '../oci/types.ts'
import { encrypting, type Encrypting, type LayerKey } from './cipher.ts'
import type { ThreadChoice } from './cipher-thread.ts'
import { annotations, privateOptionsBytes, publicOptions } from './options.ts'
import { wrapFor, type Recipient, type Wrapping } from './recipients.ts'

/** How layers are encrypted in one run. */
export interface EncryptionPlan extends Wrapping, ThreadChoice {
  readonly target: Store
}

/** Where a layer stands in its image, for messages. */
export interface LayerPlace {
  /** From 0. */
  index: number
  /** Layers of the image that can be encrypted. */
  possible: readonly number[]
  /** The build made the last layer with another compression, so it did not make this one. */
  fromBase: boolean
}

/** Whether a layer can be encrypted so that its recipients open it: guests with a KBS (image-rs) do not open encrypted zstd, ocicrypt does. */
export function canEncrypt(mediaType: string, recipients: readonly Pick<Recipient, 'scheme'>[]): boolean {
  if (isZstd(mediaType)) return mediaType === mediaTypes.layerZstd && recipients.every(({ scheme }) => scheme !== 'kbs')
  return encryptable.includes(mediaType)
}

const encryptable: readonly string[] = [mediaTypes.layerTar, mediaTypes.layerGzip, mediaTypes.dockerLayer]

export function isZstd(mediaType: string): boolean {
  return mediaType.includes('zstd')
}

/**
 * Media type of a layer once encrypted; Docker's names become OCI's, since guests refuse `docker…+encrypted` (coco.md §12).
 *
 * @throws InputError `unsupported` for what a recipient cannot open: zstd for a KBS, an already encrypted layer, anything that is no layer
 */
export function encryptedMediaType(
  mediaType: string,
  recipients: readonly Pick<Recipient, 'scheme'>[],
  place?: LayerPlace,
): string {
  if (canEncrypt(mediaType, recipients))
    return (mediaType === mediaTypes.dockerLayer ? mediaTypes.layerGzip : mediaType) + mediaTypes.encryptedSuffix
  const remedy = isEncryptedType(mediaType)
    ? 'The image is encrypted already: name the plain one.'
    : isZstd(mediaType)
      ? zstdRemedy(place)
      : 'Only tar, tar+gzip and tar+zstd layers can be encrypted.'
  const which =
    place === undefined ? 'a layer' : `layer ${place.index}${place.fromBase ? ', which the base image brought,' : ''}`
  throw new InputError('unsupported', `${which} of type ${mediaType} cannot be encrypted`, {
    subject: mediaType,
    remedy,
  })
}

/** The layers of a base image keep their compression, whatever the build is told for its own. */
function zstdRemedy(place: LayerPlace | undefined): string {
  const recompress = 'recompress that first (skopeo copy --dest-compress-format gzip)'
  const ways = [
    ...(place?.fromBase === true
      ? [`the base image keeps its compression, so ${recompress}`]
      : [
          'build with `compression: gzip`',
          `if it is a layer of the base image, which keeps its compression, ${recompress}`,
        ]),
    ...(place === undefined || place.possible.length === 0
      ? []
      : [`encrypt the others alone (\`layers: ${place.possible.join(',')}\`), which leaves this one readable to all`]),
    'encrypt for public keys alone (jwe:, pkcs7:), whose readers open zstd',
  ]
  return `Confidential guests do not open encrypted zstd layers: ${ways.join('; or ')}.`
}

/**
 * Encrypts one layer with a fresh key while it flows into the target store, then wraps the key for all recipients.
 *
 * @param plain bytes of the layer as stored, from an opener that checks their digest at the end (`Store.openBlob`); the private options name it
 * @param cipher what encrypts; it may compare the digest in place of the opener
 * @returns descriptor of the encrypted layer, annotations included
 */
export async function encryptLayer(
  layer: Descriptor,
  plain: ByteSource,
  plan: EncryptionPlan,
  cipher: (plain: ByteSource, key: LayerKey) => Encrypting = encrypting,
): Promise<Descriptor> {
  const mediaType = encryptedMediaType(layer.mediaType, plan.recipients)
  const key = { key: plan.random(32), nonce: plan.random(16) }
  const { stream, hmac } = cipher(plain, key)
  const { digest, size } = await plan.target.putBlob({ stream })
  const wrapped = await wrapFor(plan, privateOptionsBytes({ ...key, digest: layer.digest }))
  return {
    mediaType,
    digest,
    size,
    annotations: { ...layer.annotations, ...wrapped, [annotations.publicOptions]: publicOptions(hmac()) },
  }
}
