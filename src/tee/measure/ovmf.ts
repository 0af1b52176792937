import { VerificationError } from '../../base/errors.ts'
import { readFooterNumber, readFooterTable, type FooterEntry } from './footer-table.ts'

const guids = {
  hashTable: '7255371f-3a3b-4b04-927b-1da6efa8d454',
  resetBlock: '00f771de-1a7e-4fcb-890e-68c77e2fb44e',
  sevMetadata: 'dc886566-984a-4798-a75e-5585a7bf67cc',
  svsmInfo: 'a789a612-0597-4c4b-a49f-cbb1fe9d1ddd',
} as const

/** Section types of OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm. */
export const sectionTypes = { memory: 1, secrets: 2, cpuid: 3, svsmCallingArea: 4, kernelHashes: 0x10 } as const
export type SectionType = keyof typeof sectionTypes

/** A range of guest memory that is prepared, and so measured, before the guest starts. */
export interface SevSection {
  type: SectionType
  gpa: number
  size: number
}

/** What a firmware file says of itself; `null` where it says nothing. */
export interface OvmfImage {
  image: Buffer
  sections: SevSection[]
  /** Guest address of the kernel hashes. */
  hashTableGpa: number | null
  /** Where the other processors start. */
  resetEip: number | null
  /** Entry point of an SVSM image, counted from its beginning. */
  svsmEntry: number | null
}

const limits = { bytes: 64 * 1024 * 1024, sections: 64, sectionBytes: 256 * 1024 * 1024 } as const
export const pageSize = 4096
const metadataHeader = 16
const metadataItem = 12

/**
 * Reads an OVMF (or Coconut SVSM) image: footer table and SEV metadata.
 *
 * @throws VerificationError `format-invalid` naming the offset, for sizes that don't fit, unknown section types and other versions
 */
export function parseOvmf(bytes: Uint8Array, subject: string): OvmfImage {
  const image = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (image.length === 0 || image.length % pageSize !== 0 || image.length > limits.bytes) {
    throw refuse(subject, image.length, 'its size is not a number of whole pages up to 64 MiB')
  }
  const table = readFooterTable(image, subject)
  const number = (guid: string): number | null => {
    const entry = table.get(guid)
    return entry === undefined ? null : readFooterNumber(entry, subject)
  }
  return {
    image,
    sections: readSections(image, table.get(guids.sevMetadata), subject),
    hashTableGpa: number(guids.hashTable),
    resetEip: number(guids.resetBlock),
    svsmEntry: number(guids.svsmInfo),
  }
}

function readSections(image: Buffer, entry: FooterEntry | undefined, subject: string): SevSection[] {
  if (entry === undefined) return []
  const start = image.length - readFooterNumber(entry, subject)
  if (start < 0 || start + metadataHeader > image.length) {
    throw refuse(subject, entry.offset, 'SEV metadata outside of the file')
  }
  const header = image.subarray(start, start + metadataHeader)
  if (header.toString('latin1', 0, 4) !== 'ASEV') throw refuse(subject, start, 'SEV metadata without its signature')
  const length = header.readUInt32LE(4)
  const version = header.readUInt32LE(8)
  const count = header.readUInt32LE(12)
  if (version !== 1) throw refuse(subject, start + 8, `SEV metadata of version ${version}`)
  if (count > limits.sections || length < metadataHeader + count * metadataItem || start + length > image.length) {
    throw refuse(subject, start + 4, 'SEV metadata whose length and count do not fit')
  }
  return Array.from({ length: count }, (_, i) => readSection(image, start + metadataHeader + i * metadataItem, subject))
}

function readSection(image: Buffer, offset: number, subject: string): SevSection {
  const gpa = image.readUInt32LE(offset)
  const size = image.readUInt32LE(offset + 4)
  const kind = image.readUInt32LE(offset + 8)
  const type = (Object.keys(sectionTypes) as SectionType[]).find((name) => sectionTypes[name] === kind)
  if (type === undefined) throw refuse(subject, offset + 8, `an unknown SEV section type ${kind}`)
  if (gpa % pageSize !== 0 || size % pageSize !== 0 || size === 0 || size > limits.sectionBytes) {
    throw refuse(subject, offset, 'a SEV section that is not a number of whole pages')
  }
  return { type, gpa, size }
}

function refuse(subject: string, offset: number, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} is not an OVMF image: ${why}, at byte ${offset}`, {
    subject,
  })
}
