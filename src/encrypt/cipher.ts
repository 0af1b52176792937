import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import type { Digest } from '../oci/types.ts'

/** The one cipher of ocicrypt (its `blockcipher/`, coco.md §4.1). */
export const cipherName = 'AES_256_CTR_HMAC_SHA256'

/** Key of cipher and MAC alike (32 bytes), and the full initial counter block (16 bytes). A fresh pair a layer. */
export interface LayerKey {
  readonly key: Buffer
  readonly nonce: Buffer
}

/** A stream of ciphertext, and the code over it that is valid once the stream has ended. */
export interface Encrypting {
  readonly stream: ByteSource
  readonly hmac: () => Buffer
}

/** What decrypts a layer, what its ciphertext is compared with, and its name for errors. */
export interface Opening extends LayerKey {
  readonly hmac: Buffer
  readonly subject: string
}

/** What the cipher gives is new memory each time; from about 128 KiB on the system would map and clear pages for it. */
const partBytes = 64 << 10

function* inParts(piece: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < piece.length; at += partBytes) yield piece.subarray(at, at + partBytes)
}

/**
 * AES-256-CTR with HMAC-SHA256 over the ciphertext, as bytes flow: length in equals length out. `hmac` is valid once the stream has ended.
 */
export function encrypting(source: ByteSource, { key, nonce }: LayerKey): Encrypting {
  const cipher = createCipheriv('aes-256-ctr', key, nonce)
  const mac = createHmac('sha256', key)
  let done: Buffer | null = null
  async function* flow(): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      for (const part of inParts(piece)) {
        const secret = cipher.update(part)
        mac.update(secret)
        yield secret
      }
    }
    done = mac.digest()
  }
  return {
    stream: flow(),
    hmac: () => {
      if (done === null) throw new Error('the stream has not ended')
      return done
    },
  }
}

/**
 * Decrypts as the ciphertext comes, and throws `decryption-failed` at its end when the MAC is another: for a reader that believes no byte before it has
 * all of them, and compares the digest itself (it alone protects the nonce).
 */
export async function* decryptingAtOnce(
  source: ByteSource,
  { key, nonce, hmac, subject }: Opening,
): AsyncGenerator<Uint8Array> {
  const decipher = createDecipheriv('aes-256-ctr', key, nonce)
  for await (const piece of authenticated(source, key, hmac, subject))
    for (const part of inParts(piece)) yield decipher.update(part)
}

/** Passes ciphertext on and throws `decryption-failed` at its end when the MAC is another: no byte may be believed before. */
export async function* authenticated(
  source: ByteSource,
  key: Buffer,
  hmac: Buffer,
  subject: string,
): AsyncGenerator<Uint8Array> {
  const mac = createHmac('sha256', key)
  for await (const piece of source) {
    mac.update(piece)
    yield piece
  }
  if (!mac.digest().equals(hmac)) throw macProblem(subject)
}

/** The refusal of ciphertext with another authentication code. @param subject digest of the layer */
export function macProblem(subject: string): VerificationError {
  return new VerificationError(
    'decryption-failed',
    `the authentication code of the encrypted layer ${subject} is wrong`,
    {
      subject,
      remedy: 'The layer or its annotations were changed: publish the image again.',
    },
  )
}

/** For a layer that does not decrypt to what its private options say. */
export const otherContentRemedy =
  'The image was not encrypted as it says, or was damaged: publish it again. A program that recompressed and encrypted it in one step has to do so in two.'

/** Decrypts bytes that were authenticated before; the digest of what comes out is checked at the end (it alone protects the nonce). */
export async function* decrypting(
  source: ByteSource,
  { key, nonce }: LayerKey,
  digest: Digest,
  subject: string,
): AsyncGenerator<Uint8Array> {
  const decipher = createDecipheriv('aes-256-ctr', key, nonce)
  const hash = createHash('sha256')
  for await (const piece of source) {
    const plain = decipher.update(piece)
    hash.update(plain)
    yield plain
  }
  const found = `sha256:${hash.digest('hex')}`
  if (found !== digest) {
    throw new VerificationError(
      'decryption-failed',
      `the layer ${subject} decrypts to ${found}, its private options say ${digest}`,
      {
        subject,
        remedy: otherContentRemedy,
      },
    )
  }
}
