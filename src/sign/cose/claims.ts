import { LabelMap } from '../../encoding/cbor/label-map.ts'
import type { CborItem } from '../../encoding/cbor/types.ts'
import { claims, headers } from './labels.ts'
import { coseRefusal, type Sign1 } from './sign1.ts'

/** The CWT claims of a message's protected header (RFC 9597). */
export interface CwtClaims {
  readonly issuer: string | null
  readonly subject: string | null
  readonly issuedAt: Date | null
  readonly notBefore: Date | null
  readonly expires: Date | null
  /** All claims, those of others included. */
  readonly all: LabelMap
}

/** The claims that a message signs; null where it has none. @throws VerificationError `format-invalid`, also where they are not protected */
export function readClaims(message: Sign1): CwtClaims | null {
  if (message.unprotected.has(headers.cwtClaims))
    throw coseRefusal(message.subject, 'has CWT claims in its unprotected header')
  const item = message.protected.get(headers.cwtClaims)
  if (item === undefined) return null
  const name = `the CWT claims of ${message.subject}`
  const all = new LabelMap(item, name)
  return {
    issuer: all.text(claims.iss),
    subject: all.text(claims.sub),
    issuedAt: readNumericDate(all.get(claims.iat), name),
    notBefore: readNumericDate(all.get(claims.nbf), name),
    expires: readNumericDate(all.get(claims.exp), name),
    all,
  }
}

/** Seconds since 1970 (RFC 8392 §2 NumericDate). The claim is sent without tag; Microsoft's services write tag 1. */
export function readNumericDate(item: CborItem | undefined, subject: string): Date | null {
  if (item === undefined) return null
  const inner = item.kind === 'tag' && item.tag === 1 ? item.item : item
  const seconds = inner.kind === 'integer' || inner.kind === 'float' ? Number(inner.value) : NaN
  const time = new Date(seconds * 1000)
  if (Number.isNaN(time.getTime())) throw coseRefusal(subject, 'has a time that is not a number of seconds')
  return time
}
