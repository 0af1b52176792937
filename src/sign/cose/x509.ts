import { createHash } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { parseCertificate, type Certificate } from '../../encoding/x509/certificate.ts'
import type { CborItem, CborValue } from '../../encoding/cbor/types.ts'
import { coseHashes } from './hash-envelope.ts'
import { headers } from './labels.ts'
import { coseRefusal, headerOf, type Sign1 } from './sign1.ts'

/** Certificates that one message may carry. */
const mostCertificates = 10

/**
 * The certificates of a message, leaf first (RFC 9360 §2, x5chain), from either header: a chain proves itself, and x5t binds an unprotected one.
 * An array of one certificate is read as well, since Notary Project writes it.
 *
 * @returns an empty list where it carries none
 * @throws VerificationError `format-invalid`
 */
export function readChain(message: Sign1): Certificate[] {
  const item = headerOf(message, headers.x5chain)
  if (item === undefined) return []
  const { subject } = message
  const items = item.kind === 'array' ? item.items : [item]
  if (items.length === 0 || items.length > mostCertificates)
    throw coseRefusal(subject, `carries ${items.length} certificates, expected 1 to ${mostCertificates}`)
  return items.map((one, n) => {
    if (one.kind !== 'bytes') throw coseRefusal(subject, 'has a certificate that is not a byte string')
    return parseCertificate(one.value, `certificate ${n} of ${subject}`, 'signer')
  })
}

/**
 * Checks that the thumbprint in a message (RFC 9360 §2, x5t) is the leaf's. Without one there is nothing to check.
 *
 * @throws VerificationError `format-invalid`, `key-mismatch`
 */
export function checkThumbprint(message: Sign1, leaf: Certificate): void {
  const { subject } = message
  const item = headerOf(message, headers.x5t)
  if (item === undefined) return
  const { hash, digest } = readThumbprint(item, subject)
  if (createHash(hash).update(leaf.bytes).digest().equals(digest)) return
  throw new VerificationError('key-mismatch', `${subject} names another certificate than the one it carries`, {
    subject,
  })
}

/** Hash and digest of an x5t. @throws VerificationError `format-invalid` */
export function readThumbprint(item: CborItem, subject: string): { hash: string; digest: Buffer } {
  const [id, digest, more] = item.kind === 'array' ? item.items : []
  const hash = id?.kind === 'integer' ? coseHashes.find((known) => known.id === id.value) : undefined
  if (hash === undefined || digest?.kind !== 'bytes' || digest.value.length !== hash.size || more !== undefined)
    throw coseRefusal(subject, 'has a malformed certificate thumbprint')
  return { hash: hash.name, digest: digest.value }
}

/** The x5t of a certificate by SHA-256. */
export function thumbprintOf(certificate: Uint8Array): CborValue {
  return [coseHashes[0].id, createHash('sha256').update(certificate).digest()]
}
