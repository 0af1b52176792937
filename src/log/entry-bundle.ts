import { InputError, VerificationError } from '../base/errors.ts'
import { tilePath, type TileId } from './tiles.ts'

/** Most bytes of one entry: its length is written with 16 bits. */
export const mostEntryBytes = 65_535

/** Entries one behind the other, each behind its length in two bytes, big-endian (C2SP tlog-tiles, "Log Entries"). @throws InputError `input-invalid` */
export function encodeEntries(entries: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = []
  for (const entry of entries) {
    if (entry.length > mostEntryBytes) {
      throw new InputError('input-invalid', `an entry of ${entry.length} bytes is too long for a log`, {
        subject: 'entry',
        remedy: `An entry has at most ${mostEntryBytes} bytes. Log a signature over the digest of larger data.`,
      })
    }
    const length = Buffer.alloc(2)
    length.writeUInt16BE(entry.length)
    parts.push(length, entry)
  }
  return Buffer.concat(parts)
}

/** Reads a bundle of entries; it must hold as many as its name says and nothing behind them. @throws VerificationError `format-invalid` */
export function decodeEntries(bytes: Buffer, id: TileId, log: string): Buffer[] {
  const refuse = (why: string): VerificationError =>
    new VerificationError('format-invalid', `${log}: the bundle ${tilePath(id)} ${why}`, {
      subject: tilePath(id),
      remedy: 'The log is damaged: restore it from a copy.',
    })
  const entries: Buffer[] = []
  let at = 0
  while (at < bytes.length) {
    if (bytes.length - at < 2) throw refuse('ends within a length')
    const end = at + 2 + bytes.readUInt16BE(at)
    if (end > bytes.length) throw refuse('ends within an entry')
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  if (entries.length !== id.width) throw refuse(`should have ${id.width} entries, but has ${entries.length}`)
  return entries
}
