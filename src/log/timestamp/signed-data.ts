import type { DerElement } from '../../encoding/der.ts'
import { DerMembers, derRefusal, readOid, readSerial, readSmall, tags } from '../../encoding/x509/der-values.ts'
import type { SignatureAlgorithm } from '../../encoding/x509/signature.ts'
import { readHash, readSignerAlgorithm, timestampRefusal, type Hash } from './algorithms.ts'
import { readAttributes, type Attributes } from './attributes.ts'
import { limits } from './limits.ts'

export const signedDataOid = '1.2.840.113549.1.7.2'
export const tstInfoOid = '1.2.840.113549.1.9.16.1.4'

/** By what a signer names its certificate (RFC 5652 §5.3). */
export type SignerId = { issuer: Buffer; serial: string } | { keyId: Buffer }

/** A CMS SignedData with exactly one signer (RFC 5652 §5.1, RFC 3161 §2.4.2), none of it believed yet. */
export interface SignedData {
  /** DER of the TSTInfo, as it is signed. */
  content: Buffer
  /** DER of the certificates inside, unread: whoever made the token chose them. */
  certificates: Buffer[]
  signer: SignerId
  hash: Hash
  algorithm: SignatureAlgorithm
  /** Signature over `attributes.signed`. */
  signature: Buffer
  attributes: Attributes
}

/**
 * Reads a TimeStampToken: a ContentInfo with SignedData.
 *
 * @throws VerificationError `format-invalid` naming the offset, `timestamp-invalid` for what a time stamp may not be
 */
export function readSignedData(token: DerElement, subject: string): SignedData {
  const outer = new DerMembers(token, subject)
  if (readOid(outer.take(tags.oid, 'a content type'), subject) !== signedDataOid)
    throw timestampRefusal(subject, 'is not CMS SignedData')
  const wrapper = new DerMembers(outer.take(0xa0, 'content'), subject, 0xa0)
  outer.end()
  const members = new DerMembers(wrapper.take(tags.sequence, 'SignedData'), subject)
  wrapper.end()
  readVersion(members.take(tags.integer, 'a version'), 3, subject)
  const hashes = members.take(tags.set, 'digest algorithms').children.map((child) => readHash(child, subject))
  const content = readContent(members.take(tags.sequence, 'content'), subject)
  const certificates = members.optional(0xa0)
  // Revocation lists inside are the authority's own word about itself; they are not read.
  members.optional(0xa1)
  const signers = members.take(tags.set, 'signers')
  members.end()
  const [signer] = signers.children
  // RFC 3161 §2.4.2: "The time-stamp token MUST NOT contain any signatures other than the signature of the TSA."
  if (signer === undefined || signers.children.length !== 1)
    throw timestampRefusal(subject, `has ${signers.children.length} signers; a time stamp has exactly one`)
  const read = readSigner(signer, subject)
  if (!hashes.includes(read.hash)) throw timestampRefusal(subject, `does not list the hash of its signer, ${read.hash}`)
  return { content, certificates: readCertificates(certificates, subject), ...read }
}

function readContent(element: DerElement, subject: string): Buffer {
  const members = new DerMembers(element, subject)
  const type = readOid(members.take(tags.oid, 'a content type'), subject)
  if (type !== tstInfoOid) throw timestampRefusal(subject, `holds content of the type ${type}, not TSTInfo`)
  const wrapper = new DerMembers(members.take(0xa0, 'content'), subject, 0xa0)
  members.end()
  const { content } = wrapper.take(tags.octets, 'content')
  wrapper.end()
  return content
}

function readCertificates(element: DerElement | null, subject: string): Buffer[] {
  const { children = [] } = element ?? {}
  if (children.length > limits.certificates)
    throw timestampRefusal(subject, `holds ${children.length} certificates; at most ${limits.certificates} are read`)
  return children.map(({ tag, offset, bytes }) => {
    if (tag !== tags.sequence) throw derRefusal(subject, offset, 'holds a certificate that is not X.509')
    return bytes
  })
}

function readSigner(element: DerElement, subject: string): Omit<SignedData, 'content' | 'certificates'> {
  const members = new DerMembers(element, subject)
  const version = members.take(tags.integer, 'the version of its signer')
  const id = members.any('the name of its signer')
  const signer = readSignerId(id, subject)
  // RFC 5652 §5.3: the version follows from the form of the name.
  readVersion(version, 'issuer' in signer ? 1 : 3, subject)
  const hash = readHash(members.take(tags.sequence, 'a hash'), subject)
  const attributes = readAttributes(members.take(0xa0, 'signed attributes'), subject)
  const algorithm = readSignerAlgorithm(members.take(tags.sequence, 'an algorithm'), hash, subject)
  const signature = members.take(tags.octets, 'a signature').content
  // No signature covers them, so anybody can add them: a token with them has two readings.
  if (members.optional(0xa1) !== null) throw timestampRefusal(subject, 'has unsigned attributes')
  members.end()
  return { signer, hash, algorithm, signature, attributes }
}

function readSignerId(element: DerElement, subject: string): SignerId {
  if (element.tag === 0x80) return { keyId: element.content }
  const members = new DerMembers(element, subject)
  const issuer = members.take(tags.sequence, 'the issuer of its signer').bytes
  const serial = readSerial(members.take(tags.integer, 'the serial number of its signer'), subject)
  members.end()
  return { issuer, serial }
}

function readVersion(element: DerElement, wanted: number, subject: string): void {
  const version = readSmall(element, 255, subject)
  if (version !== wanted) throw derRefusal(subject, element.offset, `has version ${version}, not ${wanted}`)
}
