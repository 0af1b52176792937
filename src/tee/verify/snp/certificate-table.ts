import { SealwrightError, VerificationError } from '../../../base/errors.ts'
import type { JsonObject, JsonValue } from '../../../base/json.ts'
import { readPem } from '../../../encoding/pem.ts'

/** AMD's certificate kinds in the GHCB table, by GUID (SEV-ES GHCB specification, "SNP Extended Guest Request"). */
const kinds: Record<string, string> = {
  '63da758de6644564adc5f4b93be8accd': 'VCEK',
  a8074bc2a25a483eaae639c045a0b8a1: 'VLEK',
  '4ab7b379bbac4fe4a02f05aef327c782': 'ASK',
  c0b406a4a803495297433fb6014cd0ae: 'ARK',
  '92f81bc358114d3d97ffd19f88dc67ea': 'CRL',
}
const tableLimits = { entries: 64, certificate: 32_768 } as const

/**
 * The host's certificate table: entries of GUID, offset, length, ended by an all-zero one (tee.md §1.3). Whoever fills the table chooses DER or
 * PEM; each block of PEM becomes an entry in DER.
 *
 * @throws VerificationError `evidence-invalid` for an entry that leaves the table
 */
export function snpCertificates(table: Buffer): JsonObject[] {
  const found: JsonObject[] = []
  for (let at = 0; at + 24 <= table.length && found.length < tableLimits.entries; at += 24) {
    const guid = table.subarray(at, at + 16)
    const offset = table.readUInt32LE(at + 16)
    const length = table.readUInt32LE(at + 20)
    if (guid.every((byte) => byte === 0)) return found
    if (length > tableLimits.certificate || offset + length > table.length) {
      throw new VerificationError('evidence-invalid', `entry ${found.length} leaves the certificate table`, {
        subject: 'snp',
      })
    }
    const kind = certificateType(guid)
    for (const der of dersOf(table.subarray(offset, offset + length))) found.push({ cert_type: kind, data: [...der] })
  }
  throw new VerificationError('evidence-invalid', 'the certificate table has no end', { subject: 'snp' })
}

/**
 * DER of each PEM block, behind any text that programs write before the first one; other bytes, and PEM that is broken, as they are: the reader of
 * certificates says what is wrong with them.
 */
export function dersOf(bytes: Buffer): Buffer[] {
  // A C string ends with NUL.
  const text = bytes.toString('latin1').replace(/\0+$/, '')
  const start = text.indexOf('-----BEGIN ')
  // DER begins with the tag of a sequence; its names could hold such a line.
  if (start < 0 || bytes[0] === 0x30) return [bytes]
  try {
    const blocks = readPem(text.slice(start), 'certificate table')
    return blocks.length === 0 ? [bytes] : blocks.map((block) => block.bytes)
  } catch (error) {
    if (error instanceof SealwrightError) return [bytes]
    throw error
  }
}

/** Hosts write the GUID as text order or as EFI's mixed-endian order; both name the same kind. */
function certificateType(guid: Buffer): JsonValue {
  const text = guid.toString('hex')
  const mixed = Buffer.concat([
    Buffer.from(guid.subarray(0, 4)).reverse(),
    Buffer.from(guid.subarray(4, 6)).reverse(),
    Buffer.from(guid.subarray(6, 8)).reverse(),
    guid.subarray(8),
  ]).toString('hex')
  return kinds[text] ?? kinds[mixed] ?? { OTHER: text.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') }
}
