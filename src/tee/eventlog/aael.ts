import { VerificationError } from '../../base/errors.ts'
import { ByteReader } from '../byte-reader.ts'

/** A record of CoCo's attestation agent (coco.md §7.3): what was extended into a runtime register, in three words. */
export interface AaelRecord {
  domain: string
  operation: string
  content: string
}

const taggedEventId = 0x4141454c
const limits = { bytes: 1 << 16 } as const

/**
 * The record inside an EV_EVENT_TAG, or null for a tagged event of somebody else. The content is the text as measured.
 *
 * @throws VerificationError `format-invalid` for a record that has the id but not the form
 */
export function parseAael(data: Buffer): AaelRecord | null {
  if (data.length < 8 || data.readUInt32LE(0) !== taggedEventId) return null
  const reader = new ByteReader(data, 'AAEL record', 'LE')
  reader.u32('id')
  const bytes = reader.sized32('text', limits.bytes)
  reader.end()
  const text = bytes.toString('utf8')
  if (!Buffer.from(text, 'utf8').equals(bytes)) throw reader.refuse('not UTF-8')
  const parts = /^(\S+) (\S+) ([^\r\n]*)$/u.exec(text)
  if (parts === null) throw reader.refuse('not “domain operation content”')
  return { domain: parts[1] ?? '', operation: parts[2] ?? '', content: parts[3] ?? '' }
}

/** The same for logs that anybody may have extended: a record of a broken form is nobody's, like a tagged event of somebody else. */
export function aaelOrNull(data: Buffer): AaelRecord | null {
  try {
    return parseAael(data)
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}
