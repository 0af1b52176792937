import { InputError, VerificationError } from '../../base/errors.ts'
import { readFooterNumber, readFooterTable } from './footer-table.ts'
import { guidText } from './guid.ts'
import { pageSize } from './ovmf.ts'

const metadataGuid = 'e47a6535-984a-4798-865e-4685a7bf8ec2'
const headerGuid = 'e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae'
const headerSize = 16
const sectionSize = 32
const limits = { bytes: 64 * 1024 * 1024, sections: 32, sectionBytes: 64 * 1024 * 1024 } as const

/** Section types of Intel's TDX Virtual Firmware design guide §11.2. */
const tdvfTypes = [
  ...(['boot firmware', 'configuration', 'TD HOB', 'temporary memory'] as const),
  ...(['permanent memory', 'payload', 'payload parameters', 'TD information'] as const),
] as const
export type TdvfType = (typeof tdvfTypes)[number]

/** A range of guest memory that the VMM fills before the TD starts. */
export interface TdvfSection {
  type: TdvfType
  gpa: number
  size: number
  /** What the file holds for it; empty where the range begins as zeros. */
  data: Buffer
  /** Its content goes into MRTD, not only its addresses. */
  extend: boolean
  /** The TD accepts these pages itself: they are in no measurement. */
  augmented: boolean
}

/**
 * Reads the TDX metadata of a firmware file.
 *
 * @throws InputError `unsupported` for firmware without it; VerificationError `format-invalid` with the offset, for sizes that do not fit: the
 * code half of a split firmware names data that it does not hold
 */
export function parseTdvf(bytes: Uint8Array, subject: string): TdvfSection[] {
  const image = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const refuse = (offset: number, why: string): VerificationError =>
    new VerificationError('format-invalid', `${subject} is no TDX firmware: ${why}, at byte ${offset}`, { subject })
  if (image.length > limits.bytes) throw refuse(image.length, `more than ${limits.bytes} bytes`)
  const entry = readFooterTable(image, subject).get(metadataGuid)
  if (entry === undefined) {
    throw new InputError('unsupported', `${subject} has no TDX metadata`, {
      subject,
      remedy: 'Take a firmware that is built for TDX (Debian: OVMF.inteltdx.ms.fd of ovmf-inteltdx), the whole file.',
    })
  }
  const start = image.length - readFooterNumber(entry, subject)
  if (start < headerSize || start + headerSize > image.length)
    throw refuse(entry.offset, 'metadata outside of the file')
  if (
    guidText(image.subarray(start - 16, start)) !== headerGuid ||
    image.toString('latin1', start, start + 4) !== 'TDVF'
  )
    throw refuse(start, 'metadata without its signature')
  const [length, version, count] = [4, 8, 12].map((at) => image.readUInt32LE(start + at)) as [number, number, number]
  if (version !== 1) throw refuse(start + 8, `metadata of version ${version}`)
  if (count === 0 || count > limits.sections) throw refuse(start + 12, `${count} sections`)
  // Some builds count the GUID in front into the length.
  const whole = headerSize + count * sectionSize
  if ((length !== whole && length !== whole + 16) || start + whole > image.length) {
    throw refuse(start + 4, 'metadata whose length and count do not fit')
  }
  return Array.from({ length: count }, (_, i) => readSection(image, start + headerSize + i * sectionSize, refuse))
}

function readSection(
  image: Buffer,
  at: number,
  refuse: (offset: number, why: string) => VerificationError,
): TdvfSection {
  const [offset, raw] = [image.readUInt32LE(at), image.readUInt32LE(at + 4)]
  const [gpa, size] = [Number(image.readBigUInt64LE(at + 8)), Number(image.readBigUInt64LE(at + 16))]
  const [kind, attributes] = [image.readUInt32LE(at + 24), image.readUInt32LE(at + 28)]
  const type = tdvfTypes[kind]
  if (type === undefined) throw refuse(at + 24, `an unknown section type ${kind}`)
  if (attributes > 3) throw refuse(at + 28, `unknown attributes ${attributes}`)
  if (gpa % pageSize !== 0 || size % pageSize !== 0 || size === 0 || size > limits.sectionBytes) {
    throw refuse(at + 8, 'a section that is not a number of whole pages')
  }
  if (raw > size || offset + raw > image.length) throw refuse(at, 'a section whose data is not in the file')
  const extend = (attributes & 1) !== 0
  if (extend && raw !== size) throw refuse(at + 4, 'a measured section that the file does not fill')
  return { type, gpa, size, data: image.subarray(offset, offset + raw), extend, augmented: (attributes & 2) !== 0 }
}
