import { ByteReader } from '../../byte-reader.ts'
import { VerificationError } from '../../../base/errors.ts'
import { bodySizes, parseTdBody, type TdBody } from './body.ts'
import { readAuthData, type AuthData } from './auth-data.ts'

/** An Intel DCAP quote of a TD, version 4 or 5 (Intel TDX DCAP Quote Generation Library, Appendix A.3 and A.4). */
export interface TdxQuote {
  version: 4 | 5
  /** 20 bytes that the quoting enclave chose. */
  userData: Buffer
  body: TdBody
  /** Header and body, in version 5 with the body's type and size: what the attestation key signed. */
  signed: Buffer
  auth: AuthData
  /** Whatever follows the authentication data; no signature covers it. Real quotes are often padded. */
  trailing: { bytes: number; allZero: boolean }
}

const limits = { bytes: 64 * 1024, auth: 32 * 1024 } as const
const vendor = '939a7233f79c4ca9940a0db3957f0607'
const ecdsaP256 = 2
const tdx = 0x81

/** @throws VerificationError `format-invalid` naming field and offset; `evidence-invalid` for an SGX quote */
export function parseTdxQuote(bytes: Uint8Array, subject = 'TDX quote'): TdxQuote {
  const reader = new ByteReader(bytes, subject, 'LE')
  const whole = reader.rest
  if (bytes.length > limits.bytes) throw reader.refuse(`larger than ${limits.bytes} bytes`)
  const version = reader.u16('version')
  if (version === 3) throw sgx(subject)
  if (version !== 4 && version !== 5) throw reader.refuse(`version ${version} is neither 4 nor 5`)
  const keyType = reader.u16('attestation key type')
  if (keyType !== ecdsaP256) throw reader.refuse(`attestation key type ${keyType} is not ECDSA P-256 (2)`)
  const tee = reader.u32('TEE type')
  if (tee === 0) throw sgx(subject)
  if (tee !== tdx) throw reader.refuse(`TEE type ${tee} is not TDX (0x81)`)
  if (reader.u32('reserved') !== 0) throw reader.refuse('reserved header bytes are not zero')
  if (reader.take(16, 'QE vendor').toString('hex') !== vendor) throw reader.refuse('the QE vendor is not Intel')
  const userData = reader.take(20, 'user data')
  const type = version === 4 ? 2 : readBodyType(reader, subject)
  const body = parseTdBody(reader.take(bodySizes[type], 'body'), type)
  const signed = whole.subarray(0, reader.offset)
  const auth = readAuthData(reader.sized32('authentication data', limits.auth))
  const trailing = { bytes: reader.rest.length, allZero: reader.rest.every((byte) => byte === 0) }
  return { version, userData, body, signed, auth, trailing }
}

function readBodyType(reader: ByteReader, subject: string): 2 | 3 {
  const type = reader.u16('body type')
  if (type === 1) throw sgx(subject)
  if (type !== 2 && type !== 3) throw reader.refuse(`body type ${type} is neither TD 1.0 (2) nor TD 1.5 (3)`)
  const size = reader.u32('body size')
  if (size !== bodySizes[type]) throw reader.refuse(`a body of type ${type} has ${bodySizes[type]} bytes, not ${size}`)
  return type
}

function sgx(subject: string): VerificationError {
  return new VerificationError('evidence-invalid', `${subject} is of an SGX enclave, not of a TD`, {
    subject,
    remedy: 'Take the quote inside a TDX guest.',
  })
}
