import { createHash, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import type { DerElement } from '../../encoding/der.ts'
import { DerMembers, derRefusal, readOid, tags } from '../../encoding/x509/der-values.ts'
import { readAlgorithm, type SignatureAlgorithm } from '../../encoding/x509/signature.ts'

/** Hashes of imprints and signed attributes. SHA-1 is not among them: collisions are known. */
export const hashOids = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const
export type Hash = keyof typeof hashOids
const hashes: readonly Hash[] = ['sha256', 'sha384', 'sha512']

/** RFC 3370 §3.2: the name of the key's kind alone, with the hash from the signer's digest algorithm. */
const rsaEncryption = '1.2.840.113549.1.1.1'
/** Names of OpenSSL for P-256, P-384 and P-521. */
const curves: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1']

/** The error of every rule here that is not about the form of the bytes. */
export function timestampRefusal(subject: string, why: string): VerificationError {
  return new VerificationError('timestamp-invalid', `${subject} ${why}`, {
    subject,
    remedy: 'Have the statement stamped again by a pinned RFC 3161 service.',
  })
}

/** Lower-case hex is for people; rules compare these bytes. */
export function digestOf(hash: Hash, bytes: Uint8Array): Buffer {
  return createHash(hash).update(bytes).digest()
}

/**
 * Reads the AlgorithmIdentifier of a hash; parameters are absent or NULL (RFC 5754 §2).
 *
 * @throws VerificationError `timestamp-invalid` for any hash but SHA-256, SHA-384 and SHA-512
 */
export function readHash(element: DerElement, subject: string): Hash {
  const members = new DerMembers(element, subject)
  const oid = readOid(members.take(tags.oid, 'a hash'), subject)
  const nothing = members.optional(tags.null)
  members.end()
  if (nothing !== null && nothing.content.length > 0)
    throw derRefusal(subject, nothing.offset, 'has a NULL with content')
  const known = hashes.find((hash) => hashOids[hash] === oid)
  if (known === undefined)
    throw timestampRefusal(subject, `uses the hash ${oid}. Accepted: SHA-256, SHA-384 and SHA-512`)
  return known
}

/**
 * Reads how the signer signed. The hash inside the signature must be the one over the attributes: programs disagree about which of two
 * they take (OpenSSL takes the one, .NET the other).
 *
 * @throws VerificationError `format-invalid`, `timestamp-invalid`
 */
export function readSignerAlgorithm(element: DerElement, hash: Hash, subject: string): SignatureAlgorithm {
  const [first] = element.children
  const rsa = first?.tag === tags.oid && readOid(first, subject) === rsaEncryption
  if (rsa) {
    const members = new DerMembers(element, subject)
    members.take(tags.oid, 'an algorithm')
    const nothing = members.optional(tags.null)
    members.end()
    if (nothing !== null && nothing.content.length > 0)
      throw derRefusal(subject, nothing.offset, 'has a NULL with content')
    return `rsa-${hash}`
  }
  const algorithm = readAlgorithm(element, subject, 'signer')
  // RFC 8419 §2.3: Ed25519 signs attributes that hold a SHA-512 digest.
  const inside = algorithm === 'ed25519' ? 'sha512' : algorithm.slice(algorithm.lastIndexOf('-') + 1)
  if (inside !== hash) throw timestampRefusal(subject, `signs by ${algorithm} over attributes with a ${hash} digest`)
  return algorithm
}

/** Why a key is too weak or of an unknown kind; null where it is accepted: ECDSA on NIST's curves, RSA from 2048 bits, Ed25519. */
export function keyFault({ asymmetricKeyType: kind, asymmetricKeyDetails: details }: KeyObject): string | null {
  if (kind === 'ed25519') return null
  if (kind === 'rsa') {
    const size = details?.modulusLength ?? 0
    return size >= 2048 ? null : `an RSA key of ${size} bits; at least 2048 are needed`
  }
  if (kind !== 'ec') return `a key of the kind ${kind ?? 'unknown'}`
  const curve = details?.namedCurve ?? 'unknown'
  return curves.includes(curve) ? null : `a key on the curve ${curve}`
}
