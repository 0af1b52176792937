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

/**
 * Media type of a layer once encrypted; Docker's names become OCI's, since guests refuse `docker…+encrypted` (coco.md §12).
 *
 * @throws InputError `unsupported` for what guests cannot open: zstd, an already encrypted layer, anything that is no layer
 */
export function encryptedMediaType(mediaType: string): string {
  if (mediaType === mediaTypes.layerTar || mediaType === mediaTypes.layerGzip)
    return mediaType + mediaTypes.encryptedSuffix
  if (mediaType === mediaTypes.dockerLayer) return mediaTypes.layerGzip + mediaTypes.encryptedSuffix
  const remedy = isEncryptedType(mediaType)
    ? 'The image is encrypted already: name the plain one.'
    : /zstd/.test(mediaType)
      ? 'Confidential guests do not open encrypted zstd layers: build with `compression: gzip`.'
      : 'Only tar and tar+gzip layers can be encrypted.'
  throw new InputError('unsupported', `a layer of type ${mediaType} cannot be encrypted`, {
    subject: mediaType,
    remedy,
  })
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
