import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { readDer, type DerElement } from '../der.ts'
import { Memo } from './memo.ts'
import { DerMembers, derRefusal, readBits, readOid, readSerial, readSmall, readTime, tags } from './der-values.ts'
import { readExtensions, readPowers, type Extension, type Powers } from './extensions.ts'
import { readAlgorithm, type Makers, type SignatureAlgorithm } from './signature.ts'

/** An X.509 certificate of version 3. Nothing of it is believed until a chain to a pinned root is checked. */
export interface Certificate {
  /** What it is, for errors and reasons. */
  name: string
  bytes: Buffer
  /** SHA-256 of `bytes` in lower-case hex. */
  fingerprint: string
  /** The signed part, cut out of `bytes`. */
  signed: Buffer
  algorithm: SignatureAlgorithm
  signature: Buffer
  /** Lower-case hex without sign octet. Zero is allowed: all VCEKs have it. */
  serial: string
  /** Names as DER: equal means the same bytes. */
  issuer: Buffer
  subject: Buffer
  issuerName: string | null
  subjectName: string | null
  notBefore: Date
  notAfter: Date
  key: KeyObject
  extensions: ReadonlyMap<string, Extension>
  powers: Powers
}

/** Certificates of TEE makers have about 2 KiB. */
const limit = 32_768
const commonNameOid = '2.5.4.3'

/** Authorities come again with every piece of evidence: what a certificate says depends on nothing but its bytes. */
const read = new Memo<Certificate>(64)

/**
 * Reads one certificate (RFC 5280 §4.1) from DER.
 *
 * @param makers whose ways of signing are read; by default AMD's and Intel's
 * @throws VerificationError `format-invalid` naming the offset
 */
export function parseCertificate(input: Uint8Array, name: string, makers: Makers = 'processor'): Certificate {
  if (input.length > limit) throw derRefusal(name, limit, `has more than ${limit} bytes`)
  const fingerprint = createHash('sha256').update(input).digest('hex')
  // A copy: what is kept must not change when the caller's buffer does.
  const certificate = read.get(`${makers} ${fingerprint}`, () =>
    readCertificate(Buffer.from(input), name, fingerprint, makers),
  )
  return certificate.name === name ? certificate : { ...certificate, name }
}

function readCertificate(input: Buffer, name: string, fingerprint: string, makers: Makers): Certificate {
  const root = readDer(input, name)
  const outer = new DerMembers(root, name)
  const signed = outer.take(tags.sequence, 'the signed part')
  const outerAlgorithm = outer.take(tags.sequence, 'an algorithm')
  const signature = readBits(outer.take(tags.bits, 'a signature'), name)
  outer.end()

  const members = new DerMembers(signed, name)
  const version = new DerMembers(members.take(0xa0, 'a version'), name, 0xa0)
  if (readSmall(version.take(tags.integer, 'a version'), 2, name) !== 2)
    throw derRefusal(name, signed.offset, 'is not of version 3')
  version.end()
  const serial = readSerial(members.take(tags.integer, 'a serial number'), name)
  const algorithm = members.take(tags.sequence, 'the algorithm of its signature')
  // RFC 5280 §4.1.1.2: the unsigned copy must say the same.
  if (!algorithm.bytes.equals(outerAlgorithm.bytes))
    throw derRefusal(name, outerAlgorithm.offset, 'names two algorithms')
  const issuer = members.take(tags.sequence, 'an issuer')
  const validity = new DerMembers(members.take(tags.sequence, 'a validity'), name)
  const notBefore = readTime(validity.any('a beginning'), name)
  const notAfter = readTime(validity.any('an end'), name)
  validity.end()
  const subject = members.take(tags.sequence, 'a subject')
  const key = readKey(members.take(tags.sequence, 'a key'), name)
  const extensions = readAllExtensions(members, name)
  members.end()

  return {
    name,
    bytes: root.bytes,
    fingerprint,
    signed: signed.bytes,
    algorithm: readAlgorithm(algorithm, name, makers),
    signature,
    serial,
    issuer: issuer.bytes,
    subject: subject.bytes,
    issuerName: commonName(issuer, name),
    subjectName: commonName(subject, name),
    notBefore,
    notAfter,
    key,
    extensions,
    powers: readPowers(extensions, name),
  }
}

function readAllExtensions(members: DerMembers, name: string): Map<string, Extension> {
  const wrapper = members.optional(0xa3)
  if (wrapper === null) return new Map()
  const inner = new DerMembers(wrapper, name, 0xa3)
  const extensions = readExtensions(inner.take(tags.sequence, 'extensions'), name)
  inner.end()
  return extensions
}

function readKey({ bytes, children }: DerElement, name: string): KeyObject {
  // Some makers say of an endorsement key that it is for RSAES-OAEP, in words that OpenSSL reads as no key: it is an RSA key.
  const oaep = children[0]?.children[0]?.bytes.equals(oaepOid) === true
  try {
    const key = oaep ? plainRsa(children[1]?.bytes ?? Buffer.alloc(0)) : bytes
    return createPublicKey({ key, format: 'der', type: 'spki' })
  } catch (cause) {
    throw new VerificationError('format-invalid', `${name} has a key that cannot be read`, { subject: name, cause })
  }
}

/** OBJECT IDENTIFIER id-RSAES-OAEP (RFC 4055 §4.1), which TCG's EK Credential Profile §3.2.4 once asked for. */
const oaepOid = Buffer.from('06092a864886f70d010107', 'hex')
/** AlgorithmIdentifier of rsaEncryption. */
const rsaAlgorithm = Buffer.from('300d06092a864886f70d0101010500', 'hex')

/** SubjectPublicKeyInfo of an RSA key around the bit string of another one. */
function plainRsa(bits: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(rsaAlgorithm.length + bits.length)
  return Buffer.concat([Buffer.from([0x30, 0x82]), length, rsaAlgorithm, bits])
}

/** The one common name; null when there is none or more than one. */
function commonName(name: DerElement, subject: string): string | null {
  const found: string[] = []
  for (const set of name.children) {
    for (const pair of set.children) {
      const members = new DerMembers(pair, subject)
      const oid = readOid(members.take(tags.oid, 'the kind of a name'), subject)
      const value = members.any('the value of a name')
      members.end()
      if (oid === commonNameOid) found.push(value.content.toString('utf8'))
    }
  }
  return found.length === 1 ? (found[0] ?? null) : null
}
