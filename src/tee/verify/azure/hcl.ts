import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { VerificationError } from '../../../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../../../base/json.ts'
import { fromBase64 } from '../../../encoding/base64.ts'
import { ByteReader } from '../../byte-reader.ts'
import { digestOf, type BankHash } from '../../eventlog/hashes.ts'

/** What Azure's paravisor keeps in NV index 0x01400001 (tee.md §1.4). Byte members are views of the input. */
export interface HclReport {
  version: number
  kind: 'snp' | 'tdx'
  /** SNP report of 1184 bytes, or TDREPORT of 1024. The latter is not signed: only a quote made from it is. */
  hardware: Buffer
  /** JSON as the paravisor wrote it: its hash is in the hardware report. */
  varData: Buffer
  /** Hash over the variable data by the algorithm that the report names. */
  varDataHash: Buffer
  /** HCLAkPub: the key that the vTPM quotes with. */
  key: KeyObject
  keyUses: string[]
  vmConfiguration: JsonObject
  /** What the guest wrote to NV 0x01400002 before; null for a paravisor that has no such member. */
  userData: Buffer | null
}

const limits = { bytes: 8192, varData: 4096 } as const
const hashes: Readonly<Record<number, BankHash>> = { 1: 'sha256', 2: 'sha384', 3: 'sha512' }
const kinds: Readonly<Record<number, { kind: 'snp' | 'tdx'; size: number }>> = {
  2: { kind: 'snp', size: 1184 },
  4: { kind: 'tdx', size: 1024 },
}

/** @throws VerificationError `format-invalid` with the offset */
export function parseHcl(bytes: Uint8Array, subject = 'HCL report'): HclReport {
  const reader = new ByteReader(bytes, subject, 'LE')
  if (bytes.length > limits.bytes) throw reader.refuse(`larger than ${limits.bytes} bytes`)
  if (reader.take(4, 'signature').toString('latin1') !== 'HCLA') throw reader.refuse('no HCLA signature')
  const version = reader.u32('version')
  if (version !== 1 && version !== 2) throw reader.refuse(`version ${version}`)
  const size = reader.u32('size')
  if (reader.u32('request type') !== 2) throw reader.refuse('the request type is not a hardware report')
  if (reader.u32('status') !== 0) throw reader.refuse('a status that is not zero')
  zeros(reader.take(12, 'reserved bytes'), reader)
  const field = reader.take(1184, 'hardware report')
  const dataSize = reader.u32('size of runtime data')
  if (reader.u32('version of runtime data') !== 1) throw reader.refuse('another version of runtime data')
  const kind = kinds[reader.u32('report type')]
  const hash = hashes[reader.u32('hash type')]
  if (kind === undefined) throw reader.refuse('the report type is neither SNP nor TDX')
  if (hash === undefined) throw reader.refuse('the hash type is not SHA-256, SHA-384 or SHA-512')
  const varData = reader.sized32('variable data', limits.varData)
  if (dataSize !== varData.length + 20 || size !== reader.offset)
    throw reader.refuse('sizes that contradict each other')
  zeros(field.subarray(kind.size), reader)
  zeros(reader.rest, reader)
  const hardware = field.subarray(0, kind.size)
  const varDataHash = digestOf(hash, varData)
  return { version, kind: kind.kind, hardware, varData, varDataHash, ...readVarData(varData, subject) }
}

const keySchema = z.object({
  kid: z.string(),
  kty: z.string(),
  key_ops: z.array(z.string()),
  n: z.string(),
  e: z.string(),
})
const varDataSchema = z.object({
  keys: z.array(keySchema).max(8),
  'vm-configuration': z.custom<JsonObject>((value) => isObject(value)),
  'user-data': z
    .string()
    .regex(/^([0-9A-F]{2}){64}$/)
    .optional(),
})

function readVarData(
  bytes: Buffer,
  subject: string,
): Pick<HclReport, 'key' | 'keyUses' | 'vmConfiguration' | 'userData'> {
  const text = bytes.toString('utf8')
  const parsed = varDataSchema.safeParse(strictJson(text))
  if (!parsed.success) throw refuse(subject, 'variable data of another form', parsed.error)
  const { keys, 'vm-configuration': vmConfiguration, 'user-data': userData } = parsed.data
  const [jwk, more] = keys.filter(({ kid }) => kid === 'HCLAkPub')
  if (jwk?.kty !== 'RSA' || more !== undefined) throw refuse(subject, 'not exactly one RSA key HCLAkPub')
  return {
    key: rsaKey(jwk.n, jwk.e, subject),
    keyUses: jwk.key_ops,
    vmConfiguration,
    userData: userData === undefined ? null : Buffer.from(userData, 'hex'),
  }
}

function rsaKey(n: string, e: string, subject: string): KeyObject {
  fromBase64(n, 'modulus', 'base64url')
  fromBase64(e, 'exponent', 'base64url')
  try {
    return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
  } catch (cause) {
    throw refuse(subject, 'HCLAkPub is not a public key', cause)
  }
}

/** The paravisor writes compact JSON: what differs once written again has members twice, blanks or broken UTF-8. */
function strictJson(text: string): JsonValue {
  try {
    const value = JSON.parse(text) as JsonValue
    return JSON.stringify(value) === text ? value : null
  } catch {
    return null
  }
}

function zeros(bytes: Buffer, reader: ByteReader): void {
  if (bytes.some((byte) => byte !== 0)) throw reader.refuse('padding that is not zero')
}

function refuse(subject: string, why: string, cause?: unknown): VerificationError {
  return new VerificationError('format-invalid', `${subject}: ${why}`, { subject, cause })
}
