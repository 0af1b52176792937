import { readDer, type DerElement } from '../der.ts'
import { DerMembers, derRefusal, readOid, readSmall, tags } from './der-values.ts'

export interface Extension {
  critical: boolean
  /** Content of the extension's OCTET STRING. */
  value: Buffer
}

/** OIDs of RFC 5280 §4.2.1 that we judge ourselves. */
export const basicConstraintsOid = '2.5.29.19'
export const keyUsageOid = '2.5.29.15'

/** What a certificate may do (RFC 5280 §4.2.1.3, §4.2.1.9). */
export interface Powers {
  ca: boolean
  /** Most CA certificates that may follow below this one; null for any number. */
  pathLength: number | null
  /** Null where the certificate says nothing about the use of its key. */
  usage: { certificates: boolean; crls: boolean } | null
}

/** Extensions by OID. @throws VerificationError `format-invalid` for one that is there twice */
export function readExtensions(element: DerElement, subject: string): Map<string, Extension> {
  const extensions = new Map<string, Extension>()
  if (element.tag !== tags.sequence) throw derRefusal(subject, element.offset, 'has extensions that are no sequence')
  for (const child of element.children) {
    const members = new DerMembers(child, subject)
    const oid = readOid(members.take(tags.oid, 'the OID of an extension'), subject)
    const critical = members.optional(tags.boolean)
    // FALSE is the default, so DER never writes it; TRUE is ff (X.690 §11.1, §11.5).
    if (critical !== null && !critical.content.equals(Buffer.from([0xff])))
      throw derRefusal(subject, critical.offset, 'has a malformed boolean')
    const value = members.take(tags.octets, 'the value of an extension').content
    members.end()
    if (extensions.has(oid)) throw derRefusal(subject, child.offset, `has extension ${oid} twice`)
    extensions.set(oid, { critical: critical !== null, value })
  }
  return extensions
}

/** @throws VerificationError `format-invalid` */
export function readPowers(extensions: ReadonlyMap<string, Extension>, subject: string): Powers {
  const constraints = extensions.get(basicConstraintsOid)
  const usage = extensions.get(keyUsageOid)
  const { ca, pathLength } =
    constraints === undefined ? { ca: false, pathLength: null } : readConstraints(constraints.value, subject)
  return { ca, pathLength, usage: usage === undefined ? null : readUsage(usage.value, subject) }
}

function readConstraints(value: Buffer, subject: string): { ca: boolean; pathLength: number | null } {
  const members = new DerMembers(readDer(value, `basic constraints of ${subject}`), subject)
  const ca = members.optional(tags.boolean)
  const length = members.optional(tags.integer)
  members.end()
  // Intel's leaf certificates write an empty sequence; FALSE spelled out is not DER, and harmless.
  const isCa = ca?.content.equals(Buffer.from([0xff])) ?? false
  if (length !== null && !isCa) throw derRefusal(subject, length.offset, 'has a path length without being a CA')
  return { ca: isCa, pathLength: length === null ? null : readSmall(length, 255, subject) }
}

function readUsage(value: Buffer, subject: string): { certificates: boolean; crls: boolean } {
  const { tag, content } = readDer(value, `key usage of ${subject}`)
  const [unused, first] = content
  if (tag !== tags.bits || unused === undefined || unused > 7 || first === undefined || content.length > 3)
    throw derRefusal(subject, 0, 'has a malformed key usage')
  return { certificates: (first & 0x04) !== 0, crls: (first & 0x02) !== 0 }
}
