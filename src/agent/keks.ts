import { createCipheriv, createDecipheriv } from 'node:crypto'
import { InputError, VerificationError } from '../base/errors.ts'
import type { JournalEvent } from '../journal/event.ts'

/** What a KBS takes as the path of a resource: three segments (coco.md §1). */
export const kbsUri =
  /^kbs:\/\/\/[A-Za-z0-9_-][A-Za-z0-9._-]*\/[A-Za-z0-9_-][A-Za-z0-9._-]*\/[A-Za-z0-9_-][A-Za-z0-9._-]*$/
const ivLength = 12
const tagLength = 16

/** Key-encryption keys of the images that this job encrypts: made here, kept until a KBS has them. */
export class Keks {
  readonly #keys = new Map<string, Buffer>()
  readonly #published = new Set<string>()
  readonly #random: (n: number) => Buffer

  constructor(random: (n: number) => Buffer) {
    this.#random = random
  }

  uris(): string[] {
    return [...this.#keys.keys()].sort()
  }

  /** Makes the key of a URI, once. @throws InputError `exists` when a KBS already has one from this job: it must not be replaced */
  create(uri: string): void {
    if (this.#published.has(uri)) {
      throw new InputError('exists', `the key of ${uri} was published and is no longer here`, {
        subject: uri,
        remedy: 'Encrypt for a fresh kbs:/// path: one key for one image.',
      })
    }
    if (!this.#keys.has(uri)) this.#keys.set(uri, this.#random(32))
  }

  take(uri: string): Buffer {
    const key = this.#keys.get(uri)
    if (key !== undefined) return key
    throw new InputError('not-found', `the agent holds no key for ${uri}`, {
      subject: uri,
      remedy: this.#published.has(uri)
        ? 'It was published: ask the KBS for it.'
        : 'Only the job that encrypted holds the key.',
    })
  }

  /** AES-256-GCM without additional data: ciphertext ‖ tag (coco.md §4.2). */
  wrap(uri: string, plaintext: Buffer): { wrapped: Buffer; iv: Buffer } {
    const iv = this.#random(ivLength)
    const cipher = createCipheriv('aes-256-gcm', this.take(uri), iv)
    return { wrapped: Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]), iv }
  }

  /** @throws VerificationError `decryption-failed` */
  unwrap(uri: string, wrapped: Buffer, iv: Buffer): Buffer {
    const key = this.take(uri)
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagLength })
      decipher.setAuthTag(wrapped.subarray(-tagLength))
      return Buffer.concat([decipher.update(wrapped.subarray(0, -tagLength)), decipher.final()])
    } catch (cause) {
      throw new VerificationError('decryption-failed', `the wrapped key is not of ${uri}`, { subject: uri, cause })
    }
  }

  /** Forgets the keys that a `publish` event names as resources: from then on the KBS decides who gets them. */
  release(event: JournalEvent): void {
    if (event.kind !== 'publish') return
    for (const { role, name } of event.outputs) {
      const key = role === 'resource' ? this.#keys.get(name) : undefined
      if (key === undefined) continue
      key.fill(0)
      this.#keys.delete(name)
      this.#published.add(name)
    }
  }
}
