import { createCipheriv, createDecipheriv } from 'node:crypto'
import { InputError, VerificationError } from '../base/errors.ts'
import type { JournalEvent } from '../journal/event.ts'

/** What a KBS takes as the path of a resource: three segments (coco.md §1). */
export const kbsUri =
  /^kbs:\/\/\/[A-Za-z0-9_-][A-Za-z0-9._-]*\/[A-Za-z0-9_-][A-Za-z0-9._-]*\/[A-Za-z0-9_-][A-Za-z0-9._-]*$/
const ivLength = 12
const tagLength = 16

/** A key, and whom it may be given to. */
interface Kek {
  key: Buffer
  /** URL of the KBS, or `embedded:` and a folder. */
  kbs: string
  /** `sha256:` of the SubjectPublicKeyInfo that its server must show; null where no TLS stands between. */
  serverKey: string | null
}

/** Key-encryption keys of the images that this job encrypts: made here, kept until a KBS has them. */
export class Keks {
  readonly #keys = new Map<string, Kek>()
  readonly #published = new Set<string>()
  readonly #random: (n: number) => Buffer

  constructor(random: (n: number) => Buffer) {
    this.#random = random
  }

  uris(): string[] {
    return [...this.#keys.keys()].sort()
  }

  /**
   * Makes the key of a URI, once, for one KBS: it leaves the agent for that one only (TRUST §4).
   *
   * @param kbs URL of the KBS, or `embedded:` and a folder
   * @param serverKey `sha256:` of the SubjectPublicKeyInfo that its server shows; null where no TLS stands between
   * @throws InputError `exists` when a KBS already has one from this job; VerificationError `role-mismatch` when the key was made for another KBS
   */
  create(uri: string, kbs: string, serverKey: string | null): void {
    if (this.#published.has(uri)) {
      throw new InputError('exists', `the key of ${uri} was published and is no longer here`, {
        subject: uri,
        remedy: 'Encrypt for a fresh kbs:/// path: one key for one image.',
      })
    }
    const found = this.#keys.get(uri)
    if (found === undefined) this.#keys.set(uri, { key: this.#random(32), kbs, serverKey })
    else if (found.kbs !== kbs) throw otherKbs(uri, found.kbs, kbs)
    else if (found.serverKey !== serverKey) throw otherServer(uri, kbs, found.serverKey, serverKey)
  }

  /**
   * The 32 bytes, for the KBS that the key was made for, and the key that its server must show to get them.
   *
   * @throws VerificationError `role-mismatch` for another KBS; InputError `not-found`
   */
  takeFor(uri: string, kbs: string): Readonly<Kek> {
    const found = this.#find(uri)
    if (found.kbs === kbs) return found
    throw otherKbs(uri, found.kbs, kbs)
  }

  #find(uri: string): Kek {
    const found = this.#keys.get(uri)
    if (found !== undefined) return found
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
    const cipher = createCipheriv('aes-256-gcm', this.#find(uri).key, iv)
    return { wrapped: Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]), iv }
  }

  /** @throws VerificationError `decryption-failed` */
  unwrap(uri: string, wrapped: Buffer, iv: Buffer): Buffer {
    const { key } = this.#find(uri)
    let opened: Buffer | null = null
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagLength })
      decipher.setAuthTag(wrapped.subarray(-tagLength))
      // The mode has no padding: all bytes come from `update`, and `final` only checks the tag.
      const plaintext = decipher.update(wrapped.subarray(0, -tagLength))
      opened = plaintext
      decipher.final()
      return plaintext
    } catch (cause) {
      opened?.fill(0)
      throw new VerificationError('decryption-failed', `the wrapped key is not of ${uri}`, { subject: uri, cause })
    }
  }

  /** Forgets the keys that a `publish` event names as resources: from then on the KBS decides who gets them. */
  release(event: JournalEvent): void {
    if (event.kind !== 'publish') return
    for (const { role, name } of event.outputs) {
      const found = role === 'resource' ? this.#keys.get(name) : undefined
      if (found === undefined) continue
      found.key.fill(0)
      this.#keys.delete(name)
      this.#published.add(name)
    }
  }
}

function otherKbs(uri: string, own: string, asked: string): VerificationError {
  return new VerificationError(
    'role-mismatch',
    `the key of ${uri} was made for the KBS ${own}, and leaves this agent for no other: ${asked} was named`,
    { subject: uri, remedy: 'Give encrypt and kbs-publish the same `kbs-url`.' },
  )
}

function otherServer(uri: string, kbs: string, own: string | null, shown: string | null): VerificationError {
  return new VerificationError(
    'role-mismatch',
    `the key of ${uri} was made for the KBS ${kbs} with the server key ${own ?? '(none)'}, which now shows ${shown ?? '(none)'}`,
    {
      subject: uri,
      remedy:
        'Find out whether the KBS renewed its TLS key or another server answers; then encrypt for a fresh kbs:/// path.',
    },
  )
}
