import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { writeStream } from '../base/write-file.ts'
import { InputError, VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { parseJson } from '../base/json.ts'
import { verified, type ByteSource } from '../base/streams.ts'
import { isEncryptedType } from '../oci/descriptor.ts'
import { mediaTypes, type BlobReading, type Descriptor, type Store } from '../oci/types.ts'
import { authenticated, decrypting } from './cipher.ts'
import { unwrapJwe } from './jwe.ts'
import {
  annotations,
  packets,
  parsePrivateOptions,
  parsePublicOptions,
  speaksOfEncryption,
  withoutEncryption,
  type PrivateOptions,
} from './options.ts'
import { parsePacket, unwrapWithKek, type Packet } from './packet.ts'

/** What a reader has to open layers with. */
export interface DecryptionKeys {
  /** Private keys for JWE packets. */
  readonly privateKeys?: readonly KeyObject[] | undefined
  /** The KEK of a URI, from a KBS or a file; null where it is not to be had. */
  readonly kek?: ((uri: string) => Promise<Buffer | null>) | undefined
  /** The agent's `unwrap`, for keys that it still holds; null where it has no such key. */
  readonly unwrap?: ((uri: string, wrapped: Buffer, iv: Buffer) => Promise<Buffer | null>) | undefined
}

/** Reads a private key: PEM (PKCS#1, PKCS#8, SEC 1) or JWK. @throws InputError `file-invalid` */
export function readPrivateKey(text: string, subject: string): KeyObject {
  try {
    if (!text.trimStart().startsWith('{')) return createPrivateKey(text)
    return createPrivateKey({ key: parseJson(text, subject, 'input') as Record<string, string>, format: 'jwk' })
  } catch (cause) {
    // The cause may quote the key: it is not shown.
    throw new InputError('file-invalid', `${subject} holds no private key that can be read`, {
      subject,
      cause,
      remedy: 'Give an unencrypted PEM (PKCS#8) or a JWK.',
    })
  }
}

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
 * ciphertext, decrypt, check the plain digest at the end. No byte is given out before the MAC held: a layout is read twice for that; from a
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
    const options = await openKey(layer, keys)
    const ciphertext = await authenticate(store, layer, options, hmac, ports)
    return decrypting(ciphertext, options, options.digest, layer.digest)
  }
}

/** Unwraps a layer's key. @throws VerificationError `decryption-failed` when no packet opens with the keys at hand */
export async function openKey(layer: Descriptor, keys: DecryptionKeys): Promise<PrivateOptions> {
  const wanted: string[] = []
  for (const [name, value] of Object.entries(layer.annotations ?? {}).sort()) {
    if (name === annotations.jwe) {
      wanted.push('a JWE public key')
      for (const packet of packets(value, layer.digest)) {
        const opened = await unwrapJwe(packet, keys.privateKeys ?? [])
        if (opened !== null) return parsePrivateOptions(opened, layer.digest)
      }
    } else if (name.startsWith(`${annotations.keysPrefix}provider.`)) {
      // Guests ignore the provider's name as well.
      for (const bytes of packets(value, layer.digest)) {
        const packet = parsePacket(bytes, layer.digest)
        wanted.push(packet.kid)
        const opened = await openPacket(packet, keys)
        if (opened !== null) return parsePrivateOptions(opened, layer.digest)
      }
    }
  }
  throw new VerificationError('decryption-failed', `none of the given keys opens layer ${layer.digest}`, {
    subject: layer.digest,
    remedy:
      wanted.length === 0
        ? 'The layer names no recipient that Sealwright can read (JWE or KBS): encrypt the image again.'
        : `The layer was encrypted for ${wanted.join(', ')}: give the private key as \`decryption-key\`, or the KBS that holds the key as \`kbs-url\`.`,
  })
}

async function openPacket(packet: Packet, keys: DecryptionKeys): Promise<Buffer | null> {
  const byAgent = (await keys.unwrap?.(packet.kid, packet.wrapped, packet.iv)) ?? null
  if (byAgent !== null) return byAgent
  const kek = (await keys.kek?.(packet.kid)) ?? null
  return kek === null ? null : unwrapWithKek(kek, packet)
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
