import { readDer } from '../der.ts'
import { DerMembers, derRefusal, readOid, tags } from './der-values.ts'

/** One attribute of a distinguished name (RFC 5280 §4.1.2.4). */
export interface NameAttribute {
  /** Dotted OID of its type. */
  oid: string
  value: string
}

/** Types that RFC 4514 §3 gives short names. */
export const attributeOids: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
}

/** UTF8String, NumericString, PrintableString, TeletexString, IA5String, BMPString. */
const stringTags = { utf8: 0x0c, numeric: 0x12, printable: 0x13, teletex: 0x14, ia5: 0x16, bmp: 0x1e } as const

/**
 * The attributes of a distinguished name in order.
 *
 * @param der the name as DER
 * @param subject whose name it is, for errors
 * @throws VerificationError `format-invalid`, also for a value that is not text
 */
export function readName(der: Uint8Array, subject: string): NameAttribute[] {
  const name = readDer(der, `name of ${subject}`)
  if (name.tag !== tags.sequence) throw derRefusal(subject, 0, 'has a malformed name')
  return name.children.flatMap((set) => {
    if (set.tag !== tags.set) throw derRefusal(subject, set.offset, 'has a malformed name')
    return set.children.map((pair) => {
      const members = new DerMembers(pair, subject)
      const oid = readOid(members.take(tags.oid, 'the type of a name'), subject)
      const { tag, content, offset } = members.any('the value of a name')
      members.end()
      return { oid, value: readText(tag, content, subject, offset) }
    })
  })
}

function readText(tag: number, content: Buffer, subject: string, offset: number): string {
  switch (tag) {
    case stringTags.utf8:
      return decode('utf-8', content, subject, offset)
    case stringTags.bmp:
      return decode('utf-16be', content, subject, offset)
    case stringTags.numeric:
    case stringTags.printable:
    case stringTags.ia5:
    case stringTags.teletex:
      // Teletex has an alphabet of its own beyond ASCII, which nobody agrees on.
      if (content.some((byte) => byte > 0x7f)) throw derRefusal(subject, offset, 'has a name that is not ASCII')
      return content.toString('latin1')
    default:
      throw derRefusal(subject, offset, 'has a name that is not text')
  }
}

function decode(encoding: string, content: Buffer, subject: string, offset: number): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    throw derRefusal(subject, offset, 'has a name with malformed text')
  }
}
