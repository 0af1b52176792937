import { createPublicKey, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../../base/errors.ts'
import { toBase64url } from '../../../encoding/base64.ts'
import { ByteReader } from '../../byte-reader.ts'
import { bankHash, digestOf, type BankHash } from '../../eventlog/hashes.ts'

/** TPMT_PUBLIC of an RSA or ECC key (Part 2 §12.2.4). */
export interface TpmPublic {
  nameAlg: BankHash
  attributes: TpmAttribute[]
  authPolicy: Buffer
  /** Null where the key leaves the scheme to each command, and for decryption keys. */
  scheme: { name: 'rsassa' | 'rsapss' | 'ecdsa'; hash: BankHash } | null
  key: KeyObject
  /** nameAlg and the hash of the whole structure: the Name that other structures refer to. */
  name: Buffer
}

/** TPMA_OBJECT (Part 2 §8.3); every other bit is reserved and must be clear. */
const attributeBits = {
  fixedTPM: 1,
  stClear: 2,
  fixedParent: 4,
  sensitiveDataOrigin: 5,
  userWithAuth: 6,
  adminWithPolicy: 7,
  firmwareLimited: 8,
  svnLimited: 9,
  noDA: 10,
  encryptedDuplication: 11,
  restricted: 16,
  decrypt: 17,
  sign: 18,
  x509sign: 19,
} as const
export type TpmAttribute = keyof typeof attributeBits

const nothing = 0x10
const limits = { policy: 64, modulus: 512, coordinate: 66 } as const
const curves: Readonly<Record<number, { crv: string; size: number }>> = {
  3: { crv: 'P-256', size: 32 },
  4: { crv: 'P-384', size: 48 },
  5: { crv: 'P-521', size: 66 },
}

/** Reads TPMT_PUBLIC that fills all bytes. @throws VerificationError `format-invalid` */
export function parsePublic(bytes: Uint8Array, subject = 'TPMT_PUBLIC'): TpmPublic {
  const reader = new ByteReader(bytes, subject, 'BE')
  const type = reader.u16('type')
  const nameAlg = bankHash(reader.u16('nameAlg'))
  if (nameAlg === null || nameAlg === 'sha1') throw reader.refuse('nameAlg is not SHA-256, SHA-384 or SHA-512')
  const attributes = readAttributes(reader)
  const authPolicy = reader.sized16('authPolicy', limits.policy)
  if (type !== 0x01 && type !== 0x23) throw reader.refuse(`key type 0x${type.toString(16)} is not RSA or ECC`)
  skipSymmetric(reader)
  const scheme = readScheme(reader)
  const key = type === 0x01 ? readRsa(reader) : readEcc(reader)
  reader.end()
  const id = Buffer.from(bytes.subarray(2, 4))
  const name = Buffer.concat([id, digestOf(nameAlg, bytes)])
  return { nameAlg, attributes, authPolicy, scheme, key, name }
}

/** Reads TPM2B_PUBLIC: TPMT_PUBLIC behind its length. */
export function parseSizedPublic(bytes: Uint8Array, subject = 'TPM2B_PUBLIC'): TpmPublic {
  const reader = new ByteReader(bytes, subject, 'BE')
  const inner = reader.sized16('publicArea', 2048)
  reader.end()
  return parsePublic(inner, subject)
}

function readAttributes(reader: ByteReader): TpmAttribute[] {
  const bits = reader.u32('objectAttributes')
  const all = Object.entries(attributeBits) as [TpmAttribute, number][]
  const known = all.reduce((mask, [, bit]) => mask | (1 << bit), 0)
  if ((bits & ~known) !== 0) throw reader.refuse('a reserved attribute bit is set')
  return all.filter(([, bit]) => (bits & (1 << bit)) !== 0).map(([name]) => name)
}

/** TPMT_SYM_DEF_OBJECT: of storage keys such as an EK. Read for its length only. */
function skipSymmetric(reader: ByteReader): void {
  const algorithm = reader.u16('symmetric')
  if (algorithm === nothing) return
  if (algorithm !== 0x06) throw reader.refuse(`symmetric algorithm 0x${algorithm.toString(16)} is not AES`)
  reader.take(4, 'symmetric key bits and mode')
}

function readScheme(reader: ByteReader): TpmPublic['scheme'] {
  const id = reader.u16('scheme')
  if (id === nothing) return null
  const name = ({ 0x14: 'rsassa', 0x16: 'rsapss', 0x18: 'ecdsa' } as const)[id]
  if (name === undefined) throw reader.refuse(`scheme 0x${id.toString(16)} is not RSASSA, RSAPSS or ECDSA`)
  const hash = bankHash(reader.u16('hash of the scheme'))
  if (hash === null) throw reader.refuse('the hash of the scheme is not known')
  return { name, hash }
}

function readRsa(reader: ByteReader): KeyObject {
  const bits = reader.u16('keyBits')
  const exponent = reader.u32('exponent') || 65537
  const modulus = reader.sized16('modulus', limits.modulus)
  if (bits < 2048 || modulus.length * 8 !== bits || (modulus[0] ?? 0) < 0x80)
    throw reader.refuse('the modulus is short')
  const e = Buffer.alloc(4)
  e.writeUInt32BE(exponent)
  const first = e.findIndex((byte) => byte !== 0)
  return keyOf({ kty: 'RSA', n: toBase64url(modulus), e: toBase64url(e.subarray(first)) }, reader)
}

function readEcc(reader: ByteReader): KeyObject {
  const curve = curves[reader.u16('curveID')]
  if (curve === undefined) throw reader.refuse('the curve is not P-256, P-384 or P-521')
  if (reader.u16('kdf') !== nothing) throw reader.refuse('a key derivation scheme')
  const [x, y] = ['x', 'y'].map((what) => {
    const number = reader.sized16(what, limits.coordinate)
    if (number.length > curve.size) throw reader.refuse(`${what} is longer than the curve`)
    return toBase64url(Buffer.concat([Buffer.alloc(curve.size - number.length), number]))
  })
  return keyOf({ kty: 'EC', crv: curve.crv, x: x ?? '', y: y ?? '' }, reader)
}

/** OpenSSL refuses what is no key: a point off the curve, for one. */
function keyOf(jwk: Record<string, string>, reader: ByteReader): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch (cause) {
    throw new VerificationError('format-invalid', reader.refuse('not a public key').message, { cause })
  }
}
