import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../base/json.ts'
import { fromBase64, toBase64 } from '../encoding/base64.ts'
import type { Digest } from '../oci/types.ts'
import { cipherName, type LayerKey } from './cipher.ts'

/** Annotations of an encrypted layer (ocicrypt spec; coco.md §4). */
export const annotations = {
  publicOptions: 'org.opencontainers.image.enc.pubopts',
  keysPrefix: 'org.opencontainers.image.enc.keys.',
  jwe: 'org.opencontainers.image.enc.keys.jwe',
  pkcs7: 'org.opencontainers.image.enc.keys.pkcs7',
  pkcs11: 'org.opencontainers.image.enc.keys.pkcs11',
  pgp: 'org.opencontainers.image.enc.keys.pgp',
  provider: 'org.opencontainers.image.enc.keys.provider.attestation-agent',
} as const

/** Whoever writes an image chooses how many keys its readers try: each may cost a reading of a KBS, and evidence of the machine for it. */
export const keyLimits = {
  /** Packets of one form on one layer. */
  packets: 64,
  /** URIs of a KBS that one image is opened with. */
  uris: 128,
} as const

const encryptedPrefix = 'org.opencontainers.image.enc.'

/** What unwrapping a layer's key gives. */
export interface PrivateOptions extends LayerKey {
  /** Digest of the layer before encryption. */
  readonly digest: Digest
}

/** Go's member order, so that equal keys give equal bytes in every writer. */
export function privateOptionsBytes({ key, nonce, digest }: PrivateOptions): Buffer {
  return Buffer.from(JSON.stringify({ symkey: toBase64(key), digest, cipheroptions: { nonce: toBase64(nonce) } }))
}

/** @throws VerificationError `decryption-failed` for another form */
export function parsePrivateOptions(bytes: Uint8Array, subject: string): PrivateOptions {
  const value = object(Buffer.from(bytes).toString('utf8'), subject, 'private options')
  const options = value['cipheroptions']
  const nonce = isObject(options) ? options['nonce'] : undefined
  const { symkey, digest } = value
  if (typeof symkey !== 'string' || typeof nonce !== 'string' || typeof digest !== 'string') {
    throw damaged(subject, 'its private options lack symkey, digest or nonce')
  }
  const key = fromBase64(symkey, subject)
  const counter = fromBase64(nonce, subject)
  if (key.length !== 32 || counter.length !== 16) throw damaged(subject, 'its key is not 32 bytes or its nonce not 16')
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw damaged(subject, 'its private options name no SHA-256 digest')
  return { key, nonce: counter, digest: digest as Digest }
}

/** Value of the `pubopts` annotation. ocicrypt-rs needs `cipheroptions` to be an object. */
export function publicOptions(hmac: Buffer): string {
  return toBase64(Buffer.from(JSON.stringify({ cipher: cipherName, hmac: toBase64(hmac), cipheroptions: {} })))
}

/** The MAC out of `pubopts`. @throws VerificationError `decryption-failed` */
export function parsePublicOptions(text: string | undefined, subject: string): Buffer {
  if (text === undefined) throw damaged(subject, 'it has no public options')
  const value = object(fromBase64(text, subject).toString('utf8'), subject, 'public options')
  if (value['cipher'] !== cipherName) throw damaged(subject, `its cipher is ${JSON.stringify(value['cipher'] ?? null)}`)
  if (!isObject(value['cipheroptions'])) throw damaged(subject, 'its cipher options are no object')
  const hmac = value['hmac']
  const bytes = typeof hmac === 'string' ? fromBase64(hmac, subject) : Buffer.alloc(0)
  if (bytes.length !== 32) throw damaged(subject, 'its authentication code is not 32 bytes')
  return bytes
}

/** Packets of one annotation: base64, joined by commas when there are several recipients. */
export function packets(text: string, subject: string): Buffer[] {
  const parts = text.split(',', keyLimits.packets + 1)
  if (parts.length > keyLimits.packets) throw damaged(subject, `it has more than ${keyLimits.packets} key packets`)
  return parts.map((part) => fromBase64(part, subject))
}

/** Annotations of a layer without those of encryption. */
export function withoutEncryption(given: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(given ?? {}).filter(([name]) => !name.startsWith(encryptedPrefix)))
}

/** Whether any annotation speaks of encryption. */
export function speaksOfEncryption(given: Record<string, string> | undefined): boolean {
  return Object.keys(given ?? {}).some((name) => name.startsWith(encryptedPrefix))
}

export function damaged(subject: string, why: string, cause?: unknown): VerificationError {
  return new VerificationError('decryption-failed', `the encrypted layer ${subject} cannot be opened: ${why}`, {
    subject,
    cause,
    remedy: 'Publish the image again.',
  })
}

function object(text: string, subject: string, what: string): JsonObject {
  const value = parseJson(text, `${what} of ${subject}`)
  if (!isObject(value)) throw damaged(subject, `its ${what} are no object`)
  return value
}
