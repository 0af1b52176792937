import { createHash } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'

export const banks = ['sha1', 'sha256', 'sha384', 'sha512'] as const
/** Hash algorithm of a PCR bank. */
export type Bank = (typeof banks)[number]

export interface PeSection {
  name: string
  /** Bytes in memory; what lies beyond `raw` is zero. */
  virtualSize: number
  raw: Buffer
  rawOffset: number
}

/** The parts of a PE image that measurements are about. */
export interface PeImage {
  bytes: Buffer
  sections: PeSection[]
  headerSize: number
  checksumOffset: number
  /** The certificate table's entry in the header; null where the header has none. */
  certificateEntry: number | null
  certificateSize: number
}

const limits = { sections: 96 } as const

/**
 * Reads the headers of a PE32 or PE32+ image (Microsoft PE format). Section contents are views, not copies.
 *
 * @throws VerificationError `format-invalid` naming the offset
 */
export function parsePe(input: Uint8Array, subject: string): PeImage {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  const need = (offset: number, length: number, what: string): void => {
    if (offset < 0 || offset + length > bytes.length) throw refuse(subject, offset, `${what} leaves the file`)
  }
  need(0, 64, 'the DOS header')
  if (bytes.toString('latin1', 0, 2) !== 'MZ') throw refuse(subject, 0, 'no MZ signature')
  const pe = bytes.readUInt32LE(0x3c)
  need(pe, 24, 'the PE header')
  if (bytes.toString('latin1', pe, pe + 4) !== 'PE\0\0') throw refuse(subject, pe, 'no PE signature')
  const count = bytes.readUInt16LE(pe + 6)
  const optional = pe + 24
  const optionalSize = bytes.readUInt16LE(pe + 20)
  const sectionTable = optional + optionalSize
  if (count === 0 || count > limits.sections) throw refuse(subject, pe + 6, `${count} sections`)
  need(sectionTable, count * 40, 'the section table')
  const directories = optional + directoryOffset(bytes, optional, optionalSize, subject)
  const entries = bytes.readUInt32LE(directories - 4)
  const headerSize = bytes.readUInt32LE(optional + 60)
  if (headerSize < sectionTable + count * 40 || headerSize > bytes.length) {
    throw refuse(subject, optional + 60, 'a header size that does not fit')
  }
  const hasCertificates = entries > 4
  const certificateEntry = hasCertificates ? directories + 32 : null
  if (certificateEntry !== null && certificateEntry + 8 > sectionTable) {
    throw refuse(subject, certificateEntry, 'a certificate entry outside of the header')
  }
  const certificateSize = certificateEntry === null ? 0 : bytes.readUInt32LE(certificateEntry + 4)
  if (certificateEntry !== null && certificateSize > 0) {
    // Firmware leaves out the last bytes of the file: they must be what the entry points to.
    const at = bytes.readUInt32LE(certificateEntry)
    if (at + certificateSize !== bytes.length) throw refuse(subject, certificateEntry, 'certificates not at the end')
  }
  const sections = Array.from({ length: count }, (_, i) =>
    readSection(bytes, sectionTable + i * 40, headerSize, subject),
  )
  return { bytes, sections, headerSize, checksumOffset: optional + 64, certificateEntry, certificateSize }
}

/**
 * The Authenticode digest as firmware measures it (edk2 DxeTpm2MeasureBootLib, `MeasurePeImage`): without checksum, certificate
 * entry and certificates. Unlike signing tools it adds no padding to 8 bytes.
 */
export function authenticode(image: PeImage, bank: Bank): Buffer {
  const { bytes, certificateEntry, checksumOffset, headerSize } = image
  const sum = createHash(bank).update(bytes.subarray(0, checksumOffset))
  if (certificateEntry === null) {
    sum.update(bytes.subarray(checksumOffset + 4, headerSize))
  } else {
    sum.update(bytes.subarray(checksumOffset + 4, certificateEntry))
    sum.update(bytes.subarray(certificateEntry + 8, headerSize))
  }
  const sections = image.sections.filter(({ raw }) => raw.length > 0).sort((a, b) => a.rawOffset - b.rawOffset)
  let hashed = headerSize
  for (const { raw } of sections) {
    sum.update(raw)
    hashed += raw.length
  }
  const end = bytes.length - image.certificateSize
  if (hashed < end) sum.update(bytes.subarray(hashed, end))
  return sum.digest()
}

/** Digest of a section as it lies in memory: `virtualSize` bytes, filled up with zeros. */
export function sectionDigest({ raw, virtualSize }: PeSection, bank: Bank): Buffer {
  const sum = createHash(bank).update(raw.subarray(0, virtualSize))
  for (let left = virtualSize - raw.length; left > 0; left -= zeros.length) sum.update(zeros.subarray(0, left))
  return sum.digest()
}
const zeros = Buffer.alloc(65536)

function directoryOffset(bytes: Buffer, optional: number, size: number, subject: string): number {
  const magic = size >= 2 ? bytes.readUInt16LE(optional) : 0
  const offset = magic === 0x10b ? 96 : magic === 0x20b ? 112 : 0
  if (offset === 0 || size < offset) throw refuse(subject, optional, 'neither a PE32 nor a PE32+ header')
  return offset
}

function readSection(bytes: Buffer, offset: number, headerSize: number, subject: string): PeSection {
  const name = bytes.toString('latin1', offset, offset + 8).replace(/\0+$/, '')
  const virtualSize = bytes.readUInt32LE(offset + 8)
  const rawSize = bytes.readUInt32LE(offset + 16)
  const rawOffset = bytes.readUInt32LE(offset + 20)
  if (rawSize > 0 && (rawOffset < headerSize || rawOffset + rawSize > bytes.length)) {
    throw refuse(subject, offset, `section ${JSON.stringify(name)} leaves the file`)
  }
  if (virtualSize > 0x8000_0000)
    throw refuse(subject, offset + 8, `section ${JSON.stringify(name)} of ${virtualSize} bytes`)
  return { name, virtualSize, rawOffset, raw: bytes.subarray(rawOffset, rawOffset + rawSize) }
}

function refuse(subject: string, offset: number, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} is not a PE image: ${why}, at byte ${offset}`, { subject })
}
