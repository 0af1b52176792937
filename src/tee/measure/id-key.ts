import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { InputError } from '../../base/errors.ts'

/** Bytes of a public key in an ID authentication structure (SNP firmware ABI 1.55, table 76): curve, then both coordinates. */
const keySize = 0x404
const coordinateSize = 72
const curveP384 = 2

/**
 * What a report shows as ID_KEY_DIGEST or AUTHOR_KEY_DIGEST of a guest that was started with an ID block: SHA-384 over the public key in the
 * firmware's form, both coordinates little-endian.
 *
 * @param pem public key on P-384, or its private half
 * @throws InputError `file-invalid` for any other key: the firmware knows no other curve
 */
export function idKeyDigest(pem: string, subject: string): Buffer {
  const bytes = Buffer.alloc(keySize)
  bytes.writeUInt32LE(curveP384)
  coordinates(pem, subject).forEach((value, i) => {
    Buffer.from(value, 'base64url')
      .reverse()
      .copy(bytes, 4 + i * coordinateSize)
  })
  return hash('sha384', bytes, 'buffer')
}

function coordinates(pem: string, subject: string): [x: string, y: string] {
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch (cause) {
    throw refuse(subject, 'is no key in PEM form', cause)
  }
  const { crv, x, y } = key.export({ format: 'jwk' })
  if (crv !== 'P-384' || x === undefined || y === undefined) throw refuse(subject, 'is not an EC key on P-384')
  return [x, y]
}

function refuse(subject: string, why: string, cause?: unknown): InputError {
  return new InputError('file-invalid', `${subject} ${why}`, {
    subject,
    cause,
    remedy: 'Give the public key that the ID block is signed with: PEM, EC P-384.',
  })
}
