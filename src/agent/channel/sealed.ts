import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { fromBase64, toBase64 } from '../../encoding/base64.ts'

const sizes = { public: 32, iv: 12, tag: 16 } as const
const info = 'sealwright task channel'

/** One end that secrets of a task are sealed for. */
export interface SealedEnd {
  /** Its public key, which the other side seals for: X25519, base64url without padding. */
  readonly to: string
  /** Opens what {@link sealFor} made for `to`. @throws VerificationError `decryption-failed`, `format-invalid` */
  open(sealed: string): Buffer
}

/**
 * Makes an end with a fresh key. Secrets cross the task channel sealed from end to end: frames stand in buffers of Node and strings of V8 that
 * nobody can zero, and a core file of the living agent, which passes on what its workers ask of the steps, would show them for hours (TRUST §4).
 */
export function sealedEnd(): SealedEnd {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const to = publicKey.export({ format: 'jwk' }).x ?? ''
  return {
    to,
    open: (sealed) => {
      const bytes = fromBase64(sealed, 'sealed')
      if (bytes.length < sizes.public + sizes.iv + sizes.tag) throw notForUs()
      const sender = bytes.subarray(0, sizes.public).toString('base64url')
      const body = bytes.subarray(sizes.public + sizes.iv, -sizes.tag)
      return withKey(privateKey, publicOf(sender), [sender, to], (key) => {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(sizes.public).subarray(0, sizes.iv))
        decipher.setAuthTag(bytes.subarray(-sizes.tag))
        const plain = decipher.update(body)
        try {
          decipher.final()
        } catch (cause) {
          plain.fill(0)
          throw notForUs(cause)
        }
        return plain
      })
    },
  }
}

/**
 * Seals bytes for the end of a public key: ephemeral X25519, HKDF-SHA-256 over both public keys, AES-256-GCM.
 *
 * @param to of {@link SealedEnd}
 * @param bytes are left as they are: whoever owns them zeroes them
 * @returns base64 of ephemeral key ‖ IV ‖ ciphertext ‖ tag
 * @throws VerificationError `format-invalid` for a key that cannot be used
 */
export function sealFor(to: string, bytes: Uint8Array, random: (n: number) => Buffer): string {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const own = publicKey.export({ format: 'jwk' }).x ?? ''
  const iv = random(sizes.iv)
  return withKey(privateKey, publicOf(to), [own, to], (key) => {
    const cipher = createCipheriv('aes-256-gcm', key, iv)
    const body = [cipher.update(bytes), cipher.final(), cipher.getAuthTag()]
    return toBase64(Buffer.concat([Buffer.from(own, 'base64url'), iv, ...body]))
  })
}

function publicOf(x: string): KeyObject {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' })
  } catch (cause) {
    throw new VerificationError('format-invalid', 'the task channel names a key that cannot be used', {
      subject: 'to',
      cause,
    })
  }
}

/** Runs with the key that both ends derive, and zeroes it. @throws VerificationError `format-invalid` for a point of low order */
function withKey<T>(
  privateKey: KeyObject,
  publicKey: KeyObject,
  ends: readonly [string, string],
  run: (key: Buffer) => T,
): T {
  let shared: Buffer
  try {
    shared = diffieHellman({ privateKey, publicKey })
  } catch (cause) {
    throw notForUs(cause)
  }
  const key = Buffer.from(hkdfSync('sha256', shared, Buffer.from(ends.join(' ')), info, 32))
  shared.fill(0)
  try {
    return run(key)
  } finally {
    key.fill(0)
  }
}

function notForUs(cause?: unknown): VerificationError {
  return new VerificationError('decryption-failed', 'a secret of the task channel was not sealed for this end', {
    subject: 'sealed',
    cause,
  })
}
