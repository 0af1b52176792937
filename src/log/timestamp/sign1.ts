import { VerificationError } from '../../base/errors.ts'
import { encodeCbor } from '../../encoding/cbor/write.ts'
import { readDer } from '../../encoding/der.ts'
import { tags } from '../../encoding/x509/der-values.ts'
import { headers } from '../../sign/cose/labels.ts'
import type { Sign1 } from '../../sign/cose/sign1.ts'
import type { StampedTime, TimestampAuthority } from './authority.ts'
import { verifyTimestamp } from './verify.ts'

/** A verified stamp of a COSE_Sign1 message: its content, or its signature, existed at that time. */
export interface Sign1Stamp {
  readonly of: 'content' | 'signature'
  readonly time: StampedTime
}

/** Where Microsoft's services put a stamp over the raw signature. */
const azureLabel = 'timestamp'

/**
 * Verifies the time stamps that a message carries: 269 over its payload, signed with it; 270 over its encoded signature (RFC 9921 §3); and Azure's, over
 * the raw signature.
 *
 * @param payload the signed payload
 * @returns the stamps that count, and why the others do not
 * @throws VerificationError `format-invalid` for a stamp that is not a byte string, or stands in the wrong header
 */
export function stampsOfSign1(
  message: Sign1,
  payload: Uint8Array,
  authorities: readonly TimestampAuthority[],
): { stamps: Sign1Stamp[]; refused: string[] } {
  const { subject, signature } = message
  const misplaced =
    message.unprotected.has(headers.timestampThenSign) || message.protected.has(headers.signThenTimestamp)
  if (misplaced)
    throw new VerificationError('format-invalid', `${subject} has a time stamp in the wrong header`, { subject })
  const carried: ['content' | 'signature', Buffer | null, Uint8Array][] = [
    ['content', message.protected.bytes(headers.timestampThenSign), payload],
    ['signature', message.unprotected.bytes(headers.signThenTimestamp), encodeCbor(signature)],
    ['signature', message.unprotected.bytes(azureLabel), signature],
  ]
  const stamps: Sign1Stamp[] = []
  const refused: string[] = []
  for (const [of, token, stamped] of carried) {
    if (token === null) continue
    try {
      stamps.push({ of, time: verifyTimestamp(token, stamped, authorities) })
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      refused.push(error.message)
    }
  }
  return { stamps, refused }
}

/** The TimeStampToken inside of a TimeStampResp in DER (RFC 3161 §2.4.2): what COSE and Notary Project carry. */
export function timestampToken(response: Uint8Array): Buffer {
  const { children } = readDer(response, 'the time stamp')
  const [status, token] = children
  if (status?.tag === tags.sequence && token !== undefined) return token.bytes
  return Buffer.from(response)
}
