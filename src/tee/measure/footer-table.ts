import { VerificationError } from '../../base/errors.ts'
import { guidText } from './guid.ts'

/** The table ends 32 bytes before the end of the file: what follows is the reset vector (edk2 OvmfPkg/ResetVector). */
const behindTable = 32
/** u16 size, then the GUID; they stand behind the data that they describe. */
const headerSize = 18
const footerGuid = '96b582de-1fb2-45f7-baea-a366c55a082d'

/** Data of one entry, and where it begins in the file. */
export interface FooterEntry {
  offset: number
  data: Buffer
}

/**
 * The GUIDed table at the end of an OVMF image. Entries are walked from the end: data, size, GUID.
 *
 * @returns an empty map where the file has no such table
 * @throws VerificationError `format-invalid` for a size that leaves the table, or a GUID that stands there twice
 */
export function readFooterTable(image: Buffer, subject: string): Map<string, FooterEntry> {
  const table = new Map<string, FooterEntry>()
  const footer = image.length - behindTable - headerSize
  if (footer < 0 || guidText(image.subarray(footer + 2, footer + headerSize)) !== footerGuid) return table
  const size = image.readUInt16LE(footer)
  const start = footer + headerSize - size
  if (size < headerSize || start < 0) throw refuse(subject, footer, 'the footer table is larger than the file')
  let end = footer
  while (end > start) {
    const header = end - headerSize
    if (header < start) throw refuse(subject, start, 'bytes before the first entry of the footer table')
    const length = image.readUInt16LE(header)
    const offset = end - length
    if (length < headerSize || offset < start) throw refuse(subject, header, 'an entry that leaves the footer table')
    const guid = guidText(image.subarray(header + 2, end))
    if (table.has(guid)) throw refuse(subject, header, `a second entry ${guid}`)
    table.set(guid, { offset, data: image.subarray(offset, header) })
    end = offset
  }
  return table
}

/** A u32 that fills one entry. @throws VerificationError `format-invalid` for an entry that is too short */
export function readFooterNumber(entry: FooterEntry, subject: string): number {
  if (entry.data.length < 4) throw refuse(subject, entry.offset, 'an entry that is too short')
  return entry.data.readUInt32LE(0)
}

function refuse(subject: string, offset: number, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} is not an OVMF image: ${why}, at byte ${offset}`, {
    subject,
  })
}
