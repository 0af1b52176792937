import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { writeStream } from '../base/write-file.ts'
import { VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { verified, type ByteSource } from '../base/streams.ts'
import { isEncryptedType } from '../oci/descriptor.ts'
import { mediaTypes, type BlobReading, type Descriptor, type Digest, type Store } from '../oci/types.ts'
import { digestOfPacked } from './before-compression.ts'
import { authenticated, decrypting, decryptingAtOnce } from './cipher.ts'
import { askingOnce, openKey, type DecryptionKeys } from './open-key.ts'
import {
  annotations,
  parsePublicOptions,
  speaksOfEncryption,
  withoutEncryption,
  type PrivateOptions,
} from './options.ts'

/** Whether a layer is encrypted by its media type. */
export function isEncrypted(layer: Pick<Descriptor, 'mediaType'>): boolean {
  return isEncryptedType(layer.mediaType)
}

/** The same layer as it is after decryption: media type without suffix, no annotations of encryption. Digest and size stay the stored ones. */
export function plainForm(layer: Descriptor): Descriptor {
  if (!isEncrypted(layer)) return layer
  return {
    ...layer,
    mediaType: layer.mediaType.slice(0, -mediaTypes.encryptedSuffix.length),
    annotations: withoutEncryption(layer.annotations),
  }
}

/**
 * Opens layers for reading: encrypted ones come out decrypted, plain ones pass. Order: unwrap the key, check the MAC over the whole
 * ciphertext, decrypt, check the plain digest (or that of the content before compression) at the end. No byte is given out before the MAC held: a layout is read twice for that; from a
 * registry, and by a worker from a layout of its step, the ciphertext is kept in a private temporary file meanwhile.
 *
 * @throws VerificationError `decryption-failed` (no key fits, MAC, digest), `digest-mismatch`, `format-invalid` (encryption annotations on a
 *   layer that does not say that it is encrypted)
 */
export function layerOpener(
  store: Store,
  keys: DecryptionKeys,
  ports: Ports,
): (layer: Descriptor, how?: BlobReading) => Promise<ByteSource> {
  const once = askingOnce(keys)
  return async (layer, how) => {
    if (!isEncrypted(layer)) {
      if (!speaksOfEncryption(layer.annotations)) return store.openBlob(layer, how)
      throw new VerificationError(
        'format-invalid',
        `layer ${layer.digest} carries keys, but its type ${layer.mediaType} is not encrypted`,
        {
          subject: layer.digest,
          remedy: 'The manifest was changed or badly written: publish the image again.',
        },
      )
    }
    const hmac = parsePublicOptions(layer.annotations?.[annotations.publicOptions], layer.digest)
    const options = await openKey(layer, once)
    const ciphertext = await authenticate(store, layer, options, hmac, ports)
    const again = async (): Promise<ByteSource> =>
      decryptingAtOnce(await store.openBlob(layer), { ...options, hmac, subject: layer.digest })
    return orPacked(decrypting(ciphertext, options, options.digest, layer.digest), layer, options.digest, again)
  }
}

/** A layer whose digest is not the one beside its key is read once more, to compare what it was before compression. */
async function* orPacked(
  source: ByteSource,
  layer: Descriptor,
  named: Digest,
  again: () => Promise<ByteSource>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* source
  } catch (error) {
    const isOther = error instanceof VerificationError && error.code === 'decryption-failed'
    if (!isOther || (await digestOfPacked(layer, await again(), named)) === null) throw error
  }
}

async function authenticate(
  store: Store,
  layer: Descriptor,
  { key }: PrivateOptions,
  hmac: Buffer,
  ports: Ports,
): Promise<ByteSource> {
  const checked = authenticated(await store.openBlob(layer), key, hmac, layer.digest)
  if (store.kind === 'layout' && ports.remote === undefined) {
    for await (const _ of checked);
    return verified(await store.openBlob(layer), layer)
  }
  const folder = await mkdtemp(join(ports.roots.temp, 'layer-'))
  const path = join(folder, 'ciphertext')
  try {
    await pipeline(checked, writeStream(path, { mode: 0o600 }))
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  return thenRemove(verified(createReadStream(path, { highWaterMark: 1 << 18 }), layer), folder)
}

async function* thenRemove(source: ByteSource, folder: string): AsyncGenerator<Uint8Array> {
  try {
    yield* source
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
