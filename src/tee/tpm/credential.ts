import {
  createCipheriv,
  createHmac,
  constants,
  diffieHellman,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import { ByteReader } from '../byte-reader.ts'
import { digestOf, hashSize, type BankHash } from '../eventlog/hashes.ts'
import { parsePublic, type TpmPublic } from '../verify/tpm/public.ts'
import { sized, u32 } from './bytes.ts'

/** What only one TPM can open, and only while it holds one key (Part 1 §24). */
export interface Credential {
  /** TPM2B_ID_OBJECT. */
  blob: Buffer
  /** TPM2B_ENCRYPTED_SECRET. */
  secret: Buffer
}

/**
 * Makes a credential in software (TPM2_MakeCredential, Part 1 §24.4, annexes B.10.4 and C.6.4).
 *
 * @param endorsementArea TPMT_PUBLIC of the endorsement key, RSA 2048 or P-256 …, with AES
 * @param name Name of the attestation key
 * @param value at most as long as the endorsement key's name hash
 * @throws VerificationError `evidence-invalid` for a key that cannot be an endorsement key
 */
export function makeCredential(endorsementArea: Uint8Array, name: Uint8Array, value: Uint8Array): Credential {
  const area = parsePublic(endorsementArea, 'endorsement key')
  const bits = symmetricBits(endorsementArea, area)
  if (value.length > hashSize(area.nameAlg)) throw refuse('the value is longer than the name hash')
  const { seed, secret } =
    area.key.asymmetricKeyType === 'rsa' ? rsaSeed(area.key, area.nameAlg) : eccSeed(area.key, area.nameAlg)
  const cipherKey = kdfA(area.nameAlg, seed, 'STORAGE', name, Buffer.alloc(0), bits)
  const cipher = createCipheriv(bits === 256 ? 'aes-256-cfb' : 'aes-128-cfb', cipherKey, Buffer.alloc(16))
  const hidden = Buffer.concat([cipher.update(sized(value)), cipher.final()])
  const none = Buffer.alloc(0)
  const macKey = kdfA(area.nameAlg, seed, 'INTEGRITY', none, none, hashSize(area.nameAlg) * 8)
  const mac = createHmac(area.nameAlg, macKey).update(hidden).update(name).digest()
  return { blob: sized(sized(mac), hidden), secret: sized(secret) }
}

/** An endorsement key is restricted, decrypts, never leaves, and says how it hides: AES of 128 or 256 bits in CFB mode. */
function symmetricBits(bytes: Uint8Array, area: TpmPublic): 128 | 256 {
  for (const wanted of ['fixedTPM', 'restricted', 'decrypt'] as const) {
    if (!area.attributes.includes(wanted)) throw refuse(`it is not ${wanted}`)
  }
  const reader = new ByteReader(bytes, 'endorsement key', 'BE')
  reader.take(8, 'type, name algorithm and attributes')
  reader.sized16('policy', 64)
  const [algorithm, bits, mode] = [reader.u16('symmetric'), reader.u16('key bits'), reader.u16('mode')]
  if (algorithm !== 0x06 || mode !== 0x43 || (bits !== 128 && bits !== 256)) throw refuse('it has no AES in CFB mode')
  return bits
}

function rsaSeed(key: KeyObject, hash: BankHash): { seed: Buffer; secret: Buffer } {
  const seed = randomBytes(hashSize(hash))
  const oaepLabel = Buffer.from('IDENTITY\0', 'latin1')
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  return { seed, secret: publicEncrypt({ key, padding, oaepHash: hash, oaepLabel }, seed) }
}

function eccSeed(key: KeyObject, hash: BankHash): { seed: Buffer; secret: Buffer } {
  const namedCurve = key.asymmetricKeyDetails?.namedCurve ?? ''
  const own = generateKeyPairSync('ec', { namedCurve })
  const shared = diffieHellman({ privateKey: own.privateKey, publicKey: key })
  const [mine, theirs] = [point(own.publicKey), point(key)]
  const seed = kdfE(hash, shared, 'IDENTITY', mine.x, theirs.x, hashSize(hash) * 8)
  return { seed, secret: Buffer.concat([sized(mine.x), sized(mine.y)]) }
}

function point(key: KeyObject): { x: Buffer; y: Buffer } {
  const { x, y } = key.export({ format: 'jwk' })
  return { x: fromBase64(x ?? '', 'x', 'base64url'), y: fromBase64(y ?? '', 'y', 'base64url') }
}

/** KDFa (Part 1 §11.4.10.2): SP800-108 in counter mode. */
function kdfA(hash: BankHash, key: Buffer, label: string, u: Uint8Array, v: Uint8Array, bits: number): Buffer {
  const parts: Buffer[] = []
  for (let n = 1; (n - 1) * hashSize(hash) * 8 < bits; n++) {
    const mac = createHmac(hash, key).update(u32(n)).update(`${label}\0`, 'latin1').update(u).update(v)
    parts.push(mac.update(u32(bits)).digest())
  }
  return Buffer.concat(parts).subarray(0, bits / 8)
}

/** KDFe (Part 1 §11.4.10.3): SP800-56A's concatenation. */
function kdfE(hash: BankHash, z: Buffer, label: string, u: Buffer, v: Buffer, bits: number): Buffer {
  const parts: Buffer[] = []
  for (let n = 1; (n - 1) * hashSize(hash) * 8 < bits; n++) {
    parts.push(digestOf(hash, u32(n), z, Buffer.from(`${label}\0`, 'latin1'), u, v))
  }
  return Buffer.concat(parts).subarray(0, bits / 8)
}

/** The file of `tpm2_makecredential` and `tpm2_activatecredential`: a mark, a version, both structures. */
const mark = 0xbadcc0de

/** What `tpm2_activatecredential` takes. */
export function credentialFile({ blob, secret }: Credential): Buffer {
  return Buffer.concat([u32(mark), u32(1), blob, secret])
}

/** @throws VerificationError `format-invalid` */
export function parseCredentialFile(bytes: Uint8Array): Credential {
  const reader = new ByteReader(bytes, 'credential', 'BE')
  if (reader.u32('mark') !== mark || reader.u32('version') !== 1) throw reader.refuse('not a credential of version 1')
  const blob = sized(reader.sized16('credential blob', 256))
  const secret = sized(reader.sized16('secret', 512))
  reader.end()
  return { blob, secret }
}

function refuse(why: string): VerificationError {
  return new VerificationError('evidence-invalid', `endorsement key: ${why}`, { subject: 'endorsement key' })
}
