import { VerificationError } from '../../base/errors.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import type { CoseAlgorithm } from '../cose/algorithms.ts'
import { attributes, schemes, type NotationFormat, type NotationScheme } from './names.ts'

/** A signature of the Notary Project as it was read, in either envelope. Nothing of it is believed before it is verified. */
export interface NotationSignature {
  /** What it is, for errors. */
  readonly subject: string
  readonly format: NotationFormat
  readonly payload: Buffer
  readonly algorithm: CoseAlgorithm
  /** The bytes that the signature covers. */
  readonly covered: Buffer
  /** Raw signature; a timestamp stamps these bytes. */
  readonly signature: Buffer
  /** Leaf first. */
  readonly chain: readonly Certificate[]
  readonly scheme: NotationScheme
  /** What the signer says, or with a signing authority, what that authority vouches for. */
  readonly signingTime: Date
  readonly expiry: Date | null
  /** RFC 3161 token over the signature, or null. Not signed. */
  readonly timestamp: Buffer | null
  /** The program that signed, as it says. Not signed. */
  readonly agent: string | null
}

/** Times and scheme of the signed header. */
export interface SignedAttributes {
  readonly scheme: string | null
  readonly signingTime: Date | null
  readonly authenticSigningTime: Date | null
  readonly expiry: Date | null
  /** Names in the list of critical attributes. */
  readonly critical: readonly string[]
}

/**
 * The rules on signed attributes that both envelopes share: scheme and expiry are critical, each scheme has its own time, and a critical attribute
 * that is not known is refused.
 *
 * @throws VerificationError `format-invalid`
 */
export function checkAttributes(
  { scheme, signingTime, authenticSigningTime, expiry, critical }: SignedAttributes,
  subject: string,
): { scheme: NotationScheme; signingTime: Date; expiry: Date | null } {
  if (scheme !== schemes.x509 && scheme !== schemes.signingAuthority)
    throw notationRefusal(subject, `has the signing scheme ${scheme}, which is not supported`)
  const byAuthority = scheme === schemes.signingAuthority
  const must: string[] = [attributes.scheme]
  if (expiry !== null) must.push(attributes.expiry)
  if (byAuthority) must.push(attributes.authenticSigningTime)
  const missing = must.find((name) => !critical.includes(name))
  if (missing !== undefined) throw notationRefusal(subject, `does not list ${missing} as critical`)
  const foreign = critical.find((name) => !must.includes(name))
  if (foreign !== undefined)
    throw notationRefusal(subject, `has the critical attribute ${foreign}, which is not supported`)
  if (new Set(critical).size !== critical.length) throw notationRefusal(subject, 'lists a critical attribute twice')
  const [time, other] = byAuthority ? [authenticSigningTime, signingTime] : [signingTime, authenticSigningTime]
  if (time === null || other !== null)
    throw notationRefusal(subject, `does not have the one time of the scheme ${scheme}`)
  return { scheme, signingTime: time, expiry }
}

/** The error for an envelope that is not well-formed. */
export function notationRefusal(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
