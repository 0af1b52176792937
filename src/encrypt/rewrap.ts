import { InputError } from '../base/errors.ts'
import type { Image } from '../image/types.ts'
import { blobCopier } from '../oci/copy-blob.ts'
import { manifestBytes } from '../oci/manifest.ts'
import { mediaTypes, type Descriptor, type Manifest, type Store } from '../oci/types.ts'
import { isEncrypted } from './decrypt.ts'
import { canEncrypt } from './encrypt-layer.ts'
import { askingOnce, openKey, type DecryptionKeys } from './open-key.ts'
import { annotations, privateOptionsBytes } from './options.ts'
import { wrapFor, type Wrapping } from './recipients.ts'

export interface RewrapOptions {
  readonly target: Store
  readonly wrapping: Wrapping
  /** Recipients that the image has already keep their packets; otherwise only the new ones have any. */
  readonly keep: boolean
  readonly tag?: string | undefined
  /** Called when the manifest is settled and not yet there: a place to keep what a killed run would otherwise do again. */
  readonly beforeManifest?: ((manifest: Manifest) => Promise<void>) | undefined
}

/**
 * Wraps the layer keys of an encrypted image for other recipients. Layers stay as they are, so no layer is read: the keys inside stay the same, and who
 * could open the old image can go on with what he has kept of it. To end that, encrypt the plain image again.
 *
 * @returns the new manifest, and the number of layers whose keys were wrapped
 * @throws InputError `input-invalid` for an image without encrypted layers, `unsupported` for zstd and a KBS; VerificationError `decryption-failed` when
 *   no key opens a layer
 */
export async function rewrapImage(
  store: Store,
  image: Image,
  keys: DecryptionKeys,
  { target, wrapping, keep, tag, beforeManifest }: RewrapOptions,
): Promise<{ descriptor: Descriptor; manifest: Manifest; layers: number }> {
  const once = askingOnce(keys)
  const layers: Descriptor[] = []
  for (const layer of image.manifest.layers)
    layers.push(isEncrypted(layer) ? await rewrapped(layer, once, wrapping, keep) : layer)
  const changed = layers.filter(isEncrypted).length
  if (changed === 0) {
    throw new InputError('input-invalid', `no layer of ${image.descriptor.digest} is encrypted`, {
      subject: 'image',
      remedy: 'Name an encrypted image; `encrypt` encrypts a plain one.',
    })
  }
  if (target.name !== store.name) {
    const copy = blobCopier(store, target)
    for (const blob of [...layers, image.manifest.config]) await copy(blob)
  }
  const manifest = { ...image.manifest, layers }
  await beforeManifest?.(manifest)
  const bytes = manifestBytes(manifest)
  const descriptor = await target.putManifest(bytes, mediaTypes.manifest, { tag })
  return { descriptor, manifest, layers: changed }
}

async function rewrapped(
  layer: Descriptor,
  keys: DecryptionKeys,
  wrapping: Wrapping,
  keep: boolean,
): Promise<Descriptor> {
  const plainType = layer.mediaType.slice(0, -mediaTypes.encryptedSuffix.length)
  if (!canEncrypt(plainType, wrapping.recipients)) {
    throw new InputError(
      'unsupported',
      `the layer ${layer.digest} of type ${layer.mediaType} is not opened by guests with a KBS`,
      {
        subject: layer.mediaType,
        remedy: 'Encrypt the plain image again with gzip layers, or name public keys alone.',
      },
    )
  }
  const wrapped = await wrapFor(wrapping, privateOptionsBytes(await openKey(layer, keys)))
  const old = Object.entries(layer.annotations ?? {})
  const isPacket = ([name]: [string, string]): boolean => name.startsWith(annotations.keysPrefix)
  const result = Object.fromEntries(old.filter((entry) => keep || !isPacket(entry)))
  for (const [name, packet] of Object.entries(wrapped))
    result[name] = keep && name in result ? `${result[name]},${packet}` : packet
  return { ...layer, annotations: result }
}
