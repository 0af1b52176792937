import { createHash } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import type { CborItem, CborValue } from '../../encoding/cbor/types.ts'
import { headers } from './labels.ts'
import { coseRefusal, type Sign1 } from './sign1.ts'

/** Hashes (IANA registry "COSE Algorithms"), with their length in bytes. */
export const coseHashes = [
  { id: -16, name: 'sha256', size: 32 },
  { id: -43, name: 'sha384', size: 48 },
  { id: -44, name: 'sha512', size: 64 },
] as const
export type CoseHash = (typeof coseHashes)[number]

/** What the payload of a hash envelope is the digest of. */
export interface HashEnvelope {
  readonly hash: CoseHash
  /** Media type, or a number of the registry of CoAP content formats; null where it is not given. */
  readonly contentType: string | number | bigint | null
  /** Where the content can be had; a hint. */
  readonly location: string | null
}

/**
 * Reads the parameters of a hash envelope (RFC 9995): 258 and its companions only in the protected header, no content type under label 3, and a
 * payload of the length of the hash.
 *
 * @returns null for a message whose payload is the content itself
 * @throws VerificationError `format-invalid`
 */
export function readHashEnvelope(message: Sign1): HashEnvelope | null {
  const { subject, payload } = message
  const own = [headers.payloadHashAlg, headers.preimageContentType, headers.payloadLocation]
  const loose = own.find((label) => message.unprotected.has(label))
  if (loose !== undefined) throw coseRefusal(subject, `has the label ${loose} in its unprotected header`)
  const id = message.protected.integer(headers.payloadHashAlg)
  if (id === null) {
    const alone = own.find((label) => message.protected.has(label))
    if (alone !== undefined) throw coseRefusal(subject, `has the label ${alone}, but names no hash`)
    return null
  }
  const hash = coseHashes.find((known) => known.id === id)
  if (hash === undefined) throw coseRefusal(subject, `is a hash envelope of the hash ${id}, which is not supported`)
  if (message.protected.has(headers.contentType) || message.unprotected.has(headers.contentType))
    throw coseRefusal(subject, 'is a hash envelope with a content type of its own')
  if (payload !== null && payload.length !== hash.size)
    throw coseRefusal(subject, `is a hash envelope of ${hash.name} whose payload has ${payload.length} bytes`)
  return {
    hash,
    contentType: contentTypeOf(message.protected.get(headers.preimageContentType), subject),
    location: message.protected.text(headers.payloadLocation),
  }
}

/** A content type (RFC 9052 §3.1): text, or a CoAP content format. @throws VerificationError `format-invalid` */
export function contentTypeOf(item: CborItem | undefined, subject: string): string | number | bigint | null {
  if (item === undefined) return null
  if (item.kind === 'text' || (item.kind === 'integer' && item.value >= 0)) return item.value
  throw coseRefusal(subject, 'has a content type that is not a text or a number')
}

/** Checks content against the digest that a hash envelope signs. @throws VerificationError `digest-mismatch` */
export function checkPreimage({ hash }: HashEnvelope, payload: Uint8Array, content: Uint8Array, subject: string): void {
  const found = createHash(hash.name).update(content).digest()
  if (found.equals(payload)) return
  throw new VerificationError(
    'digest-mismatch',
    `${subject} signs the ${hash.name} ${Buffer.from(payload).toString('hex')}, the content has ${found.toString('hex')}`,
    { subject },
  )
}

/**
 * Payload and protected parameters of a hash envelope over content of which only the digest is known here.
 *
 * @param digest SHA-256 of the content, 32 bytes
 */
export function hashEnvelope(
  digest: Buffer,
  contentType: string,
): { payload: Buffer; parameters: [CborValue, CborValue][] } {
  return {
    payload: digest,
    parameters: [
      [headers.payloadHashAlg, coseHashes[0].id],
      [headers.preimageContentType, contentType],
    ],
  }
}
