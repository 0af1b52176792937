import { constants, verify, type KeyObject } from 'node:crypto'
import type { DerElement } from '../der.ts'
import { DerMembers, derRefusal, readOid, readSmall, tags } from './der-values.ts'

/** The only ways in which AMD and Intel sign certificates and CRLs. */
type ProcessorAlgorithm = 'rsa-pss-sha384' | 'ecdsa-sha256' | 'ecdsa-sha384'
export type SignatureAlgorithm =
  ProcessorAlgorithm | 'ecdsa-sha512' | 'rsa-sha256' | 'rsa-sha384' | 'rsa-sha512' | 'ed25519'

/**
 * Whose certificates are read. Manufacturers of TPMs, and clouds, also sign by PKCS#1 v1.5, which in a chain of AMD's or Intel's is a
 * fault. `signer` is for authorities of code signing and of time stamps, which use Ed25519 as well.
 */
export type Makers = 'processor' | 'tpm' | 'signer'

const processorOids = {
  '1.2.840.10045.4.3.2': 'ecdsa-sha256',
  '1.2.840.10045.4.3.3': 'ecdsa-sha384',
} as const
const tpmOids = { ...processorOids, '1.2.840.10045.4.3.4': 'ecdsa-sha512' } as const
/** RFC 8410 §3. */
const signerOids = { ...tpmOids, '1.3.101.112': 'ed25519' } as const
const algorithmsOf = { processor: processorOids, tpm: tpmOids, signer: signerOids } as const
/** PKCS#1 v1.5 (RFC 8017 appendix A.2.4); SHA-1 is not among them. */
const rsaOids = {
  '1.2.840.113549.1.1.11': 'rsa-sha256',
  '1.2.840.113549.1.1.12': 'rsa-sha384',
  '1.2.840.113549.1.1.13': 'rsa-sha512',
} as const
const pss = '1.2.840.113549.1.1.10'
const mgf1 = '1.2.840.113549.1.1.8'
const sha384 = '2.16.840.1.101.3.4.2.2'
/** Bytes of salt that AMD uses: as long as the hash. */
const saltLength = 48

/**
 * Reads an AlgorithmIdentifier (RFC 5280 §4.1.1.2; RSA-PSS parameters: RFC 4055 §3.1).
 *
 * @throws VerificationError `format-invalid` for any other algorithm, hash, mask or salt length
 */
export function readAlgorithm(element: DerElement, subject: string, makers: Makers = 'processor'): SignatureAlgorithm {
  const members = new DerMembers(element, subject)
  const oid = readOid(members.take(tags.oid, 'an algorithm'), subject)
  if (oid === pss) {
    readPssParameters(members.take(tags.sequence, 'RSA-PSS parameters'), subject)
    members.end()
    return 'rsa-pss-sha384'
  }
  const rsa = Object.entries(rsaOids).find(([name]) => name === oid)
  if (makers !== 'processor' && rsa !== undefined) {
    // RFC 4055 §5: the parameters are NULL.
    const nothing = members.take(tags.null, 'NULL parameters')
    members.end()
    if (nothing.content.length > 0) throw derRefusal(subject, nothing.offset, 'has a NULL with content')
    return rsa[1]
  }
  const known = Object.entries(algorithmsOf[makers]).find(([name]) => name === oid)
  if (known === undefined) throw derRefusal(subject, element.offset, `is signed by algorithm ${oid}`)
  // RFC 5758 §3.2, RFC 8410 §3: no parameters at all, not even NULL.
  members.end()
  return known[1]
}

function readPssParameters(element: DerElement, subject: string): void {
  const members = new DerMembers(element, subject)
  const hash = inside(members.take(0xa0, 'the hash of RSA-PSS'), tags.sequence, subject)
  const mask = new DerMembers(inside(members.take(0xa1, 'the mask of RSA-PSS'), tags.sequence, subject), subject)
  const maskOid = readOid(mask.take(tags.oid, 'a mask algorithm'), subject)
  const maskHash = mask.take(tags.sequence, 'the hash of the mask')
  mask.end()
  const salt = readSmall(inside(members.take(0xa2, 'a salt length'), tags.integer, subject), 0xffff, subject)
  // AMD's own roots write the trailer although it is the default.
  const trailer = members.optional(0xa3)
  members.end()
  const right =
    isSha384(hash, subject) &&
    maskOid === mgf1 &&
    isSha384(maskHash, subject) &&
    salt === saltLength &&
    (trailer === null || readSmall(inside(trailer, tags.integer, subject), 1, subject) === 1)
  if (!right)
    throw derRefusal(subject, element.offset, 'has RSA-PSS parameters other than SHA-384 with 48 bytes of salt')
}

function isSha384(element: DerElement, subject: string): boolean {
  const members = new DerMembers(element, subject)
  const oid = readOid(members.take(tags.oid, 'a hash'), subject)
  const parameters = members.optional(tags.null)
  members.end()
  return oid === sha384 && (parameters === null || parameters.content.length === 0)
}

/** The one element inside an explicit tag. */
function inside(element: DerElement, tag: number, subject: string): DerElement {
  const members = new DerMembers(element, subject, element.tag)
  const member = members.take(tag, 'a value')
  members.end()
  return member
}

/** True when the key signed these bytes in this way. A key of another kind signs nothing. */
export function isSigned(bytes: Buffer, algorithm: SignatureAlgorithm, signature: Buffer, key: KeyObject): boolean {
  if (algorithm === 'rsa-pss-sha384') {
    if (key.asymmetricKeyType !== 'rsa') return false
    const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
    return verify('sha384', bytes, { key, ...padding }, signature)
  }
  if (algorithm === 'ed25519') return key.asymmetricKeyType === 'ed25519' && verify(null, bytes, key, signature)
  const hash = algorithm.slice(algorithm.indexOf('-') + 1)
  if (algorithm.startsWith('rsa-')) {
    const strong = key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
    return strong && verify(hash, bytes, { key, padding: constants.RSA_PKCS1_PADDING }, signature)
  }
  if (key.asymmetricKeyType !== 'ec') return false
  return verify(hash, bytes, { key, dsaEncoding: 'der' }, signature)
}
