import { createCipheriv, createDecipheriv } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'
import { fromBase64, toBase64 } from '../encoding/base64.ts'
import { damaged } from './options.ts'

/** Bytes of a key-encryption key as a KBS resource. */
export const kekBytes = 32

/** A key-provider packet of Confidential Containers, as far as it is needed to open it. */
export interface Packet {
  /** `kbs:///repo/type/tag`. */
  kid: string
  wrapped: Buffer
  /** 12 bytes for A256GCM, 16 for A256CTR. */
  iv: Buffer
  /** `A256GCM` where it is left out. A256CTR is read, as guests do, and never written: nothing authenticates it. */
  mode?: 'A256GCM' | 'A256CTR' | undefined
}

/** Three segments, as Trustee takes them (coco.md §1.2). */
const uriForm = /^kbs:\/\/\/(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*)(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]*){2}$/

/** Whether text is a `kbs:///repo/type/tag` URI without host. */
export function isKeyUri(text: string): boolean {
  return uriForm.test(text)
}

/** V2 packet (guest-components `confidential-data-hub/hub/src/image/`), members in its order. */
export function packetBytes({ kid, wrapped, iv }: Packet): Buffer {
  return Buffer.from(
    JSON.stringify({
      version: '0.1.0',
      provider: 'kbs',
      kid,
      wrapped_data: toBase64(wrapped),
      iv: toBase64(iv),
      wrap_type: 'A256GCM',
      provider_settings: {},
      annotations: {},
    }),
  )
}

/** Reads V1 packets (which have no version) and V2 packets. @throws VerificationError `decryption-failed` */
export function parsePacket(bytes: Uint8Array, subject: string): Packet {
  const value = parseJson(Buffer.from(bytes).toString('utf8'), `key packet of ${subject}`)
  if (!isObject(value)) throw damaged(subject, 'its key packet is no object')
  const { kid, iv } = value
  if (typeof kid !== 'string' || typeof iv !== 'string' || typeof value['wrapped_data'] !== 'string') {
    throw damaged(subject, 'its key packet lacks kid, wrapped_data or iv')
  }
  if ((value['version'] ?? '0.1.0') !== '0.1.0') throw damaged(subject, 'its key packet has an unknown version')
  if ((value['provider'] ?? 'kbs') !== 'kbs') throw damaged(subject, 'its key lies with a provider other than a KBS')
  const mode = value['wrap_type']
  if (mode !== 'A256GCM' && mode !== 'A256CTR')
    throw damaged(subject, 'its key packet is wrapped with neither A256GCM nor A256CTR')
  // Guests ignore the host: the KBS is the one that they are configured for.
  const uri = kid.replace(/^kbs:\/\/[^/\s]*\//, 'kbs:///')
  if (!isKeyUri(uri))
    throw damaged(subject, `its key id ${JSON.stringify(kid.slice(0, 200))} is no kbs:///repo/type/tag`)
  const packet = {
    kid: uri,
    wrapped: fromBase64(value['wrapped_data'], subject),
    iv: fromBase64(iv, subject),
    mode,
  } as const
  if (packet.iv.length !== (mode === 'A256GCM' ? 12 : 16))
    throw damaged(subject, `its ${mode} packet has an iv of another size`)
  return packet
}

/** AES-256-GCM without additional data; ciphertext and tag. @param iv 12 fresh random bytes */
export function wrapWithKek(kek: Buffer, plaintext: Uint8Array, iv: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', kek, iv)
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

/** Undoes {@link wrapWithKek}. @throws VerificationError `decryption-failed` for another key or changed bytes */
export function unwrapWithKek(kek: Buffer, { kid, wrapped, iv, mode }: Packet): Buffer {
  try {
    if (mode === 'A256CTR') return createDecipheriv('aes-256-ctr', kek, iv).update(wrapped)
    const decipher = createDecipheriv('aes-256-gcm', kek, iv, { authTagLength: 16 })
    decipher.setAuthTag(wrapped.subarray(-16))
    return Buffer.concat([decipher.update(wrapped.subarray(0, -16)), decipher.final()])
  } catch (cause) {
    throw new VerificationError('decryption-failed', `the key ${kid} does not open this layer`, {
      subject: kid,
      cause,
      remedy: 'Give the key that the image was encrypted with.',
    })
  }
}
