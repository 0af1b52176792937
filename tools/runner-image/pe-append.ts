import { VerificationError } from '../../src/base/errors.ts'
import { parsePe } from '../../src/tee/measure/pe.ts'

export interface NewSection {
  /** At most 8 characters, with the dot. */
  name: string
  content: Uint8Array
}

const entrySize = 40
/** Initialised data, readable (Microsoft PE format, section flags). */
const flags = 0x4000_0040
const page = 4096

/**
 * A unified kernel image: the stub with these sections behind its own. The stub's symbol table is left out, sections of the stub keep
 * their bytes and addresses; equal input gives equal bytes.
 *
 * @throws VerificationError `format-invalid` where the header has no room for the entries, or a section of that name is there already
 */
export function appendSections(stub: Uint8Array, sections: readonly NewSection[], subject: string): Buffer {
  const image = parsePe(stub, subject)
  const pe = image.bytes.readUInt32LE(0x3c)
  const optional = pe + 24
  const table = optional + image.bytes.readUInt16LE(pe + 20)
  const count = image.sections.length
  const end = table + (count + sections.length) * entrySize
  if (end > image.headerSize || image.bytes.subarray(table + count * entrySize, end).some((byte) => byte !== 0)) {
    throw refuse(subject, `its header has no room for ${sections.length} more sections`)
  }
  if (image.certificateSize > 0) throw refuse(subject, 'it is signed: sections cannot be added')
  const fileAlignment = image.bytes.readUInt32LE(optional + 36)
  if (fileAlignment === 0) throw refuse(subject, 'its file alignment is 0')
  const up = (n: number, step: number): number => Math.ceil(n / step) * step

  let fileAt = up(Math.max(image.headerSize, ...image.sections.map((s) => s.rawOffset + s.raw.length)), fileAlignment)
  let memoryAt = up(image.bytes.readUInt32LE(optional + 56), page)
  const head = Buffer.alloc(fileAt)
  image.bytes.copy(head, 0, 0, Math.min(fileAt, image.bytes.length))
  head.writeUInt16LE(count + sections.length, pe + 6)
  head.fill(0, pe + 12, pe + 20) // symbol table: offset and count
  const parts: Uint8Array[] = [head]
  sections.forEach(({ name, content }, i) => {
    const label = Buffer.from(name, 'latin1')
    if (label.length > 8 || image.sections.some((s) => s.name === name))
      throw refuse(subject, `no section ${name} can be added`)
    const at = table + (count + i) * entrySize
    const size = up(content.length, fileAlignment)
    label.copy(head, at)
    head.writeUInt32LE(content.length, at + 8)
    head.writeUInt32LE(memoryAt, at + 12)
    head.writeUInt32LE(size, at + 16)
    head.writeUInt32LE(fileAt, at + 20)
    head.writeUInt32LE(flags, at + 36)
    parts.push(content, Buffer.alloc(size - content.length))
    fileAt += size
    memoryAt = up(memoryAt + content.length, page)
  })
  head.writeUInt32LE(memoryAt, optional + 56)
  head.writeUInt32LE(0, optional + 64) // checksum: firmware does not look at it
  return Buffer.concat(parts)
}

function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} cannot become a unified kernel image: ${why}`, { subject })
}
