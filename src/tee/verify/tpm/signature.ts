import { constants, verify, type KeyObject } from 'node:crypto'
import { ByteReader } from '../../byte-reader.ts'
import { bankHash, type BankHash } from '../../eventlog/hashes.ts'

/** A TPM's signature. ECDSA as two numbers of any length, RSA as one. */
export type TpmSignature =
  | { scheme: 'rsassa' | 'rsapss'; hash: BankHash; bytes: Buffer }
  | { scheme: 'ecdsa'; hash: BankHash; r: Buffer; s: Buffer }
  | { scheme: 'ecdsa-der'; hash: BankHash; bytes: Buffer }

const limits = { rsa: 512, ecc: 66 } as const

/** Reads TPMT_SIGNATURE (Part 2 §11.3.4) that fills all bytes. SHA-1 is refused. @throws VerificationError `format-invalid` */
export function parseSignature(bytes: Uint8Array, subject = 'TPMT_SIGNATURE'): TpmSignature {
  const reader = new ByteReader(bytes, subject, 'BE')
  const algorithm = reader.u16('sigAlg')
  const hash = bankHash(reader.u16('hash'))
  if (hash === null || hash === 'sha1') throw reader.refuse('a hash that is not SHA-256, SHA-384 or SHA-512')
  let signature: TpmSignature
  if (algorithm === 0x14 || algorithm === 0x16) {
    signature = { scheme: algorithm === 0x14 ? 'rsassa' : 'rsapss', hash, bytes: reader.sized16('sig', limits.rsa) }
  } else if (algorithm === 0x18) {
    signature = { scheme: 'ecdsa', hash, r: reader.sized16('r', limits.ecc), s: reader.sized16('s', limits.ecc) }
  } else {
    throw reader.refuse(`signature scheme 0x${algorithm.toString(16)} is not RSASSA, RSAPSS or ECDSA`)
  }
  reader.end()
  return signature
}

/** True when the key made the signature over exactly these bytes. A key of another kind or a number out of range gives false. */
export function checkSignature(message: Uint8Array, signature: TpmSignature, key: KeyObject): boolean {
  if (signature.scheme === 'ecdsa' || signature.scheme === 'ecdsa-der') {
    const size = coordinateSize(key)
    if (size === null) return false
    if (signature.scheme === 'ecdsa-der') {
      return verify(signature.hash, message, { key, dsaEncoding: 'der' }, signature.bytes)
    }
    const { r, s } = signature
    if (r.length > size || s.length > size) return false
    // A TPM leaves leading zeros out.
    const pad = (number: Buffer) => Buffer.concat([Buffer.alloc(size - number.length), number])
    const bytes = Buffer.concat([pad(r), pad(s)])
    return verify(signature.hash, message, { key, dsaEncoding: 'ieee-p1363' }, bytes)
  }
  if (key.asymmetricKeyType !== 'rsa') return false
  const padding = signature.scheme === 'rsassa' ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_PSS_PADDING
  const salt = signature.scheme === 'rsapss' ? { saltLength: constants.RSA_PSS_SALTLEN_AUTO } : {}
  return verify(signature.hash, message, { key, padding, ...salt }, signature.bytes)
}

function coordinateSize(key: KeyObject): number | null {
  const sizes: Record<string, number> = { prime256v1: 32, secp384r1: 48, secp521r1: 66 }
  return sizes[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? null
}
