import { createPrivateKey, type KeyObject } from 'node:crypto'
import { InputError, SealwrightError, VerificationError } from '../base/errors.ts'
import { parseJson } from '../base/json.ts'
import type { Descriptor } from '../oci/types.ts'
import { unwrapJwe } from './jwe.ts'
import { annotations, damaged, keyLimits, packets, parsePrivateOptions, type PrivateOptions } from './options.ts'
import { parsePacket, unwrapWithKek, type Packet } from './packet.ts'
import { unwrapPkcs11 } from './pkcs11.ts'
import { unwrapPkcs7 } from './pkcs7.ts'

/** What a reader has to open layers with. */
export interface DecryptionKeys {
  /** Private keys for JWE, PKCS#7 and PKCS#11 packets. */
  readonly privateKeys?: readonly KeyObject[] | undefined
  /** The KEK of a URI, from a KBS or a file; null where it is not available. */
  readonly kek?: ((uri: string) => Promise<Buffer | null>) | undefined
  /** The agent's `unwrap`, for keys that it still holds; null where it has no such key. */
  readonly unwrap?: ((uri: string, wrapped: Buffer, iv: Buffer) => Promise<Buffer | null>) | undefined
  /** A program that has the token of PKCS#11 packets: gets a packet, gives the private options; null where its token does not open it. */
  readonly token?: ((packet: Buffer) => Promise<Buffer | null>) | undefined
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

/**
 * The same keys, each URI of a KBS asked for once: a KBS counts every reading, and layers share their keys. A failure is asked for again. An image that
 * names too many URIs gets an error in place of a key.
 */
export function askingOnce(keys: DecryptionKeys): DecryptionKeys {
  const { kek } = keys
  if (kek === undefined) return keys
  const known = new Map<string, Promise<Buffer | null>>()
  const seen = new Set<string>()
  return {
    ...keys,
    kek: async (uri) => {
      seen.add(uri)
      checkCount(seen)
      const asked = known.get(uri) ?? kek(uri)
      known.set(uri, asked)
      asked.catch(() => known.delete(uri))
      return asked
    },
  }
}

/** @throws VerificationError `decryption-failed` */
export function checkCount(uris: ReadonlySet<string>): void {
  if (uris.size > keyLimits.uris) throw damaged('image', `its layers name more than ${keyLimits.uris} keys of a KBS`)
}

/** Unwraps a packet of a form, and says for whom it was made. */
type Opener = (
  bytes: Buffer,
  keys: DecryptionKeys,
  subject: string,
  recipient: (name: string) => void,
) => Promise<Buffer | null>

const openers: Readonly<Record<string, Opener>> = {
  [annotations.jwe]: async (bytes, { privateKeys = [] }, _, recipient) => {
    recipient('a JWE public key')
    return unwrapJwe(bytes, privateKeys)
  },
  [annotations.pkcs7]: async (bytes, { privateKeys = [] }, subject, recipient) => {
    recipient('a PKCS#7 certificate')
    return unwrapPkcs7(bytes, privateKeys, subject)
  },
  [annotations.pkcs11]: async (bytes, { privateKeys = [], token }, subject, recipient) => {
    recipient('a PKCS#11 token (its program is `unwrap-command`)')
    return unwrapPkcs11(bytes, privateKeys, subject) ?? (await token?.(bytes)) ?? null
  },
}

/** Guests ignore the provider's name as well. */
const provider: Opener = async (bytes, keys, subject, recipient) => {
  const packet = parsePacket(bytes, subject)
  recipient(packet.kid)
  return openPacket(packet, keys)
}

/**
 * Unwraps a layer's key. All packets are tried: what one recipient's packet or KBS answers does not keep another one out.
 *
 * @throws VerificationError `decryption-failed` when no packet opens with the keys at hand; else the first failure of a packet or KBS
 */
export async function openKey(layer: Descriptor, keys: DecryptionKeys): Promise<PrivateOptions> {
  const wanted = new Set<string>()
  let failure: SealwrightError | null = null
  for (const [name, value] of Object.entries(layer.annotations ?? {}).sort()) {
    const open = name.startsWith(`${annotations.keysPrefix}provider.`) ? provider : openers[name]
    if (open === undefined) continue
    for (const bytes of packets(value, layer.digest)) {
      try {
        const opened = await open(bytes, keys, layer.digest, (recipient) => wanted.add(recipient))
        if (opened !== null) return parsePrivateOptions(opened, layer.digest)
      } catch (error) {
        if (!(error instanceof SealwrightError) || error instanceof InputError) throw error
        failure ??= error
      }
    }
  }
  throw failure ?? closed(layer, [...wanted])
}

function closed({ digest, annotations: given = {} }: Descriptor, wanted: readonly string[]): VerificationError {
  return new VerificationError('decryption-failed', `none of the given keys opens layer ${digest}`, {
    subject: digest,
    remedy:
      wanted.length > 0
        ? `The layer was encrypted for ${wanted.join(', ')}: give the private key as \`decryption-key\`, or the KBS that holds the key as \`kbs-url\`.`
        : annotations.pgp in given
          ? 'The layer is encrypted for PGP keys only, which Sealwright does not offer: open it with skopeo, and encrypt it again for a public key (jwe:PATH) or a KBS.'
          : 'The layer names no recipient that Sealwright can read (JWE, PKCS#7, PKCS#11 or KBS): encrypt the image again.',
  })
}

async function openPacket(packet: Packet, keys: DecryptionKeys): Promise<Buffer | null> {
  const byAgent =
    packet.mode === 'A256CTR' ? null : ((await keys.unwrap?.(packet.kid, packet.wrapped, packet.iv)) ?? null)
  if (byAgent !== null) return byAgent
  const kek = (await keys.kek?.(packet.kid)) ?? null
  return kek === null ? null : unwrapWithKek(kek, packet)
}
