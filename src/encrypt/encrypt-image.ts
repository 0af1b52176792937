import { InputError } from '../base/errors.ts'
import { algorithmOf, collect, type ByteSource } from '../base/streams.ts'
import type { Log } from '../base/ports.ts'
import type { Image } from '../image/types.ts'
import { isEncryptedType } from '../oci/descriptor.ts'
import { manifestBytes } from '../oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Manifest, type Store } from '../oci/types.ts'
import { speaksOfEncryption } from './options.ts'
import { canEncrypt, encryptedMediaType, encryptLayer, isZstd, type EncryptionPlan } from './encrypt-layer.ts'
import { CipherThread } from './cipher-thread.ts'
import type { Recipient } from './recipients.ts'

export interface EncryptImageOptions {
  /** Layers to encrypt, counted from 0; all of them by default. */
  readonly layers?: readonly number[] | undefined
  /** Layers that were encrypted on the way of another reader, by plain digest. */
  readonly done?: ReadonlyMap<Digest, Descriptor> | undefined
  /** Tag of the encrypted manifest, set last. */
  readonly tag?: string | undefined
  /** Called when all blobs are there and the manifest is not: a place to keep what a killed run would otherwise do again. */
  readonly beforeManifest?: ((made: Omit<EncryptedImage, 'descriptor'>) => Promise<void>) | undefined
  readonly log?: Log | undefined
}

export interface EncryptedImage {
  descriptor: Descriptor
  manifest: Manifest
  /** In layer order; a layer left plain has equal digests. */
  layers: { plain: Digest; encrypted: Digest; diffId: Digest }[]
}

/** No configuration is larger (`loadImage` reads no more). */
const configLimit = 8 * 1024 * 1024

/**
 * Encrypts the layers of an image into a store. Configuration and diff ids stay as they are and in clear; the manifest follows from keys and
 * image alone. Everything is put before the manifest, and the tag last, so that nothing ever refers to what is not there.
 *
 * @throws InputError `unsupported` before anything is written, `input-invalid` for a layer number that is not there
 */
export async function encryptImage(
  store: Store,
  image: Image,
  plan: EncryptionPlan,
  options: EncryptImageOptions = {},
): Promise<EncryptedImage> {
  const chosen = chooseLayers(image, options.layers, plan.recipients)
  const finished = new Map<Digest, Descriptor>(options.done)
  const layers: Descriptor[] = []
  await using aside = new CipherThread(plan)
  for (const [index, layer] of image.manifest.layers.entries()) {
    if (!chosen.has(index)) {
      await copyBlob(store, plan.target, layer)
      layers.push(layer)
      continue
    }
    let encrypted = finished.get(layer.digest)
    if (encrypted === undefined) {
      options.log?.progress(`encrypting layer ${index + 1} of ${image.manifest.layers.length} (${layer.size} bytes)`)
      encrypted = await encryptFrom(store, layer, plan, aside)
      finished.set(layer.digest, encrypted)
    }
    layers.push(encrypted)
  }
  const config = { ...image.manifest.config, mediaType: mediaTypes.config }
  await copyBlob(store, plan.target, config)
  const manifest: Manifest = { ...image.manifest, mediaType: mediaTypes.manifest, config, layers }
  const made = {
    manifest,
    layers: layers.map((layer, i) => ({
      plain: image.manifest.layers[i]?.digest ?? layer.digest,
      encrypted: layer.digest,
      diffId: image.config.rootfs.diff_ids[i] ?? layer.digest,
    })),
  }
  await options.beforeManifest?.(made)
  return { ...made, descriptor: await putEncrypted(plan.target, manifest, options.tag) }
}

async function encryptFrom(
  store: Store,
  layer: Descriptor,
  plan: EncryptionPlan,
  aside: CipherThread,
): Promise<Descriptor> {
  if (!aside.takes(layer)) return encryptLayer(layer, await store.openBlob(layer, { piecewise: true }), plan)
  // A folder lets its reader compare the digest, which the thread does; any other store compares it itself, and the thread makes the MAC.
  const unchecked = store.unchecked === true && algorithmOf(layer.digest) === 'sha256' ? layer : null
  const plain = await store.openBlob(layer, { piecewise: true, ownCheck: unchecked !== null })
  return encryptLayer(layer, plain, plan, (source, key) => aside.encrypting(source, key, unchecked))
}

/** Puts an encrypted manifest whose blobs are all there; doing it again changes nothing. */
export async function putEncrypted(target: Store, manifest: Manifest, tag?: string): Promise<Descriptor> {
  return target.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag })
}

/**
 * The layers to encrypt, counted from 0.
 *
 * @throws InputError `unsupported` for a layer that cannot be encrypted, `input-invalid` for a number that is no layer's
 */
export function chooseLayers(
  image: Image,
  wanted: readonly number[] | undefined,
  recipients: readonly Pick<Recipient, 'scheme'>[],
): Set<number> {
  const count = image.manifest.layers.length
  const chosen = new Set(wanted ?? Array.from({ length: count }, (_, i) => i))
  const outside = [...chosen].find((index) => !Number.isInteger(index) || index < 0 || index >= count)
  if (chosen.size > 0 && outside === undefined) {
    const types = image.manifest.layers.map(({ mediaType }) => mediaType)
    const possible = types.flatMap((mediaType, index) => (canEncrypt(mediaType, recipients) ? [index] : []))
    // A build compresses its own layers alike, and they stand last.
    const fromBase = !isZstd(types.at(-1) ?? '')
    for (const index of chosen)
      encryptedMediaType(types[index] ?? '', recipients, {
        index,
        possible,
        fromBase: fromBase && isZstd(types[index] ?? ''),
      })
    // What another encryption left could be opened by whoever that was for, whatever this one says of its recipients.
    for (const { mediaType, annotations } of image.manifest.layers) {
      if (isEncryptedType(mediaType)) encryptedMediaType(mediaType, recipients)
      if (!speaksOfEncryption(annotations)) continue
      throw new InputError('unsupported', 'a layer that is not encrypted carries keys of an encryption', {
        subject: 'layers',
        remedy: 'The manifest was changed or badly written: build the image again.',
      })
    }
    return chosen
  }
  throw new InputError(
    'input-invalid',
    outside !== undefined
      ? `layers: there is no layer ${outside}`
      : wanted?.length === 0
        ? 'layers: no position is given'
        : 'layers: the image has none',
    {
      subject: 'layers',
      remedy:
        count === 0
          ? 'There is nothing to encrypt.'
          : `Write all, or numbers from 0 to ${count - 1}; -1 is the last layer.`,
    },
  )
}

async function copyBlob(from: Store, to: Store, blob: Descriptor): Promise<void> {
  if (from.name === to.name || (await to.hasBlob(blob.digest))) return
  const source: ByteSource = await from.openBlob(blob)
  if (blob.size <= configLimit) await to.putBlob({ bytes: await collect(source, configLimit, blob.digest) })
  else await to.putBlob({ stream: source, expect: { digest: blob.digest, size: blob.size } })
}
