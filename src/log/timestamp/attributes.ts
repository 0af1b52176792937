import type { DerElement } from '../../encoding/der.ts'
import { DerMembers, derRefusal, readOid, readSerial, tags } from '../../encoding/x509/der-values.ts'
import { readHash, timestampRefusal, type Hash } from './algorithms.ts'
import { limits } from './limits.ts'

const contentTypeOid = '1.2.840.113549.1.9.3'
const messageDigestOid = '1.2.840.113549.1.9.4'
const certificateOid = '1.2.840.113549.1.9.16.2.12'
const certificateV2Oid = '1.2.840.113549.1.9.16.2.47'

/** A certificate as a signing-certificate attribute names it: ESSCertID (RFC 2634 §5.4) or ESSCertIDv2 (RFC 5035 §4). */
export interface NamedCertificate {
  hash: Hash | 'sha1'
  digest: Buffer
  /** Issuer as DER and serial as hex; null where the attribute gives none. */
  issuerSerial: { issuer: Buffer; serial: string } | null
}

/** The attributes that a signer signs (RFC 5652 §11, RFC 5816). */
export interface Attributes {
  /** What the signature covers: the attributes as a SET (RFC 5652 §5.4). */
  signed: Buffer
  contentType: string
  messageDigest: Buffer
  /**
   * The first certificate of each signing-certificate attribute, which is the signer's (RFC 5035 §3); never empty. Further ones are not kept:
   * they can only narrow a path that has to end in pinned certificates anyway, and Microsoft's service names some that are not on it.
   */
  named: NamedCertificate[]
}

/**
 * Reads signed attributes: each type once, each with one value, in DER's order.
 *
 * @param element the attributes under their implicit tag [0]
 * @throws VerificationError `format-invalid` naming the offset, `timestamp-invalid` when a required attribute is missing
 */
export function readAttributes(element: DerElement, subject: string): Attributes {
  if (element.children.length > limits.attributes)
    throw timestampRefusal(subject, `has ${element.children.length} signed attributes, more than ${limits.attributes}`)
  const values = new Map<string, DerElement>()
  let before: Buffer | null = null
  for (const child of element.children) {
    // X.690 §11.6. Programs that sort before they hash and those that do not must see the same bytes.
    if (before !== null && Buffer.compare(before, child.bytes) > 0)
      throw derRefusal(subject, child.offset, 'has signed attributes that are not in the order of DER')
    before = child.bytes
    const members = new DerMembers(child, subject)
    const oid = readOid(members.take(tags.oid, 'the type of an attribute'), subject)
    const set = members.take(tags.set, 'the value of an attribute')
    members.end()
    const [value] = set.children
    if (value === undefined || set.children.length !== 1 || values.has(oid))
      throw derRefusal(subject, child.offset, `has the attribute ${oid} without exactly one value`)
    values.set(oid, value)
  }
  return {
    signed: Buffer.concat([Buffer.from([tags.set]), element.bytes.subarray(1)]),
    contentType: readOid(required(values, contentTypeOid, tags.oid, 'content type', subject), subject),
    messageDigest: required(values, messageDigestOid, tags.octets, 'message digest', subject).content,
    named: readNamed(values, subject),
  }
}

function required(
  values: ReadonlyMap<string, DerElement>,
  oid: string,
  tag: number,
  what: string,
  subject: string,
): DerElement {
  const value = values.get(oid)
  if (value?.tag !== tag) throw timestampRefusal(subject, `has no signed ${what}`)
  return value
}

function readNamed(values: ReadonlyMap<string, DerElement>, subject: string): NamedCertificate[] {
  const [first, second] = [values.get(certificateOid), values.get(certificateV2Oid)]
  const named = [
    ...(first === undefined ? [] : [readFirst(first, (id) => readId(id, 'sha1', subject), subject)]),
    ...(second === undefined ? [] : [readFirst(second, (id) => readIdV2(id, subject), subject)]),
  ]
  // RFC 3161 §2.4.2: without it a token could be moved to another certificate for the same key.
  if (named.length === 0) throw timestampRefusal(subject, 'does not name the certificate of its signer')
  return named
}

/** SigningCertificate and V2: a list of names, and policies that are not read. */
function readFirst(element: DerElement, read: (id: DerElement) => NamedCertificate, subject: string): NamedCertificate {
  const members = new DerMembers(element, subject)
  const { children, offset } = members.take(tags.sequence, 'named certificates')
  members.optional(tags.sequence)
  members.end()
  const [first] = children.map(read)
  if (first === undefined || children.length > limits.named)
    throw derRefusal(subject, offset, `names ${children.length} certificates of its signer`)
  return first
}

function readIdV2(element: DerElement, subject: string): NamedCertificate {
  const [first] = element.children
  if (first?.tag !== tags.sequence) return readId(element, 'sha256', subject)
  const hash = readHash(first, subject)
  return readId({ ...element, children: element.children.slice(1) }, hash, subject)
}

function readId(element: DerElement, hash: NamedCertificate['hash'], subject: string): NamedCertificate {
  const members = new DerMembers(element, subject)
  const digest = members.take(tags.octets, 'the digest of a certificate').content
  const issuerSerial = members.optional(tags.sequence)
  members.end()
  return { hash, digest, issuerSerial: issuerSerial === null ? null : readIssuerSerial(issuerSerial, subject) }
}

/** IssuerSerial (RFC 5035 §5.1): general names, of which one directory name counts, and a serial number. */
function readIssuerSerial(element: DerElement, subject: string): { issuer: Buffer; serial: string } {
  const members = new DerMembers(element, subject)
  const names = new DerMembers(members.take(tags.sequence, 'an issuer'), subject)
  const serial = readSerial(members.take(tags.integer, 'a serial number'), subject)
  members.end()
  const name = new DerMembers(names.take(0xa4, 'a directory name'), subject, 0xa4)
  names.end()
  const issuer = name.take(tags.sequence, 'a directory name').bytes
  name.end()
  return { issuer, serial }
}
