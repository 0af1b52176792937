import type { KeyObject } from 'node:crypto'
import { ruleCheck, type Check } from '../../base/check.ts'
import { VerificationError } from '../../base/errors.ts'
import { checkPreimage } from '../../sign/cose/hash-envelope.ts'
import { verifySign1 } from '../../sign/cose/verify.ts'
import { checkThumbprint } from '../../sign/cose/x509.ts'
import { resolveDidX509 } from '../../sign/did-x509.ts'
import { isSameKey } from '../../sign/public-key.ts'
import { isOwnName } from './own-name.ts'
import type { TimestampAuthority } from '../timestamp/authority.ts'
import { stampsOfSign1 } from '../timestamp/sign1.ts'
import type { ScittService } from './services.ts'
import type { SignedStatement } from './statement.ts'
import { judgeReceipt, judgeReceipts, type ReceiptVerdict } from './verify.ts'

/** A key that a reader trusts. */
export interface IssuerKey {
  readonly key: KeyObject
  /** The only `iss` that this key may sign under; null where the reader does not name one. */
  readonly issuer: string | null
}

/** Whom a reader of statements trusts. */
export interface StatementTrust {
  /** Keys of issuers; a statement may be by any of them. */
  readonly keys: readonly IssuerKey[]
  /**
   * The only issuer that counts. A did:x509 here needs no key: it pins an authority. Null for any that has one of the keys; among several keys,
   * one without a named issuer signs only under a name that follows from it (thumbprint URI, did:x509), as it could take the name of another.
   */
  readonly issuer: string | null
  /** The only subject that counts; null for any. */
  readonly about: string | null
  readonly services: readonly ScittService[]
  /** Whether ES256 and its like are bound to a curve. */
  readonly bindCurve: boolean
  /** Whether a statement without subject counts, which RFC 9943 does not allow. */
  readonly acceptNoSubject: boolean
  /** Who may stamp signatures. */
  readonly authorities: readonly TimestampAuthority[]
  /**
   * When the reader asks. Certificates must be valid then, unless a trusted service registered the statement, or a trusted stamp is on its
   * signature: then that time counts for them.
   */
  readonly at: Date
}

export interface StatementVerdict {
  /** The statement counts when each is `ok`. */
  readonly checks: Check[]
  readonly receipts: ReceiptVerdict[]
}

/**
 * Judges a signed statement and its receipts (RFC 9943 §7): issuer, signature, validity, subject, content, registration.
 *
 * @param content what the statement is about: detached payload, or what a hash envelope digests; null leaves that unchecked
 * @param detached receipts that do not stand in the statement itself
 */
export function judgeStatement(
  statement: SignedStatement,
  trust: StatementTrust,
  content: Uint8Array | null,
  detached: readonly Uint8Array[] = [],
): StatementVerdict {
  const { message, issuer, subject, hashEnvelope } = statement
  const receipts = [
    ...judgeReceipts(message, trust.services),
    ...detached.map((bytes, n) => judgeReceipt(bytes, message, trust.services, `receipt file ${n + 1}`)),
  ]
  const times = [
    ...receipts.flatMap(({ status, registeredAt }) =>
      status === 'verified' && registeredAt !== null ? [registeredAt] : [],
    ),
    ...signatureTimes(statement, trust),
  ].sort((a, b) => a.getTime() - b.getTime())
  const proven = times[0] ?? trust.at
  let signer: IssuerKey | null = null
  const signature = ruleCheck('signature', () => {
    const found = verifyByIssuer(statement, trust, proven, hashEnvelope === null ? content : null)
    signer = found.by
    if (content !== null && hashEnvelope !== null) checkPreimage(hashEnvelope, found.payload, content, message.subject)
    return null
  })
  const checks = [
    ruleCheck('issuer', () => {
      if (trust.issuer !== null)
        return trust.issuer === issuer ? null : `its issuer is "${issuer}", not "${trust.issuer}"`
      return signer === null ? null : borrowedName(statement, signer, trust, proven)
    }),
    signature,
    ruleCheck('validity', () => validityFault(statement, [trust.at, ...times])),
    ruleCheck('subject', () => {
      if (subject === null) return trust.acceptNoSubject ? null : 'it names no subject'
      return trust.about === null || trust.about === subject
        ? null
        : `its subject is "${subject}", not "${trust.about}"`
    }),
    ruleCheck('registration', () => {
      if (trust.services.length === 0 || receipts.some(({ status }) => status === 'verified')) return null
      return receipts.map(({ why }) => why).join('; ') || 'it carries no receipt'
    }),
  ]
  return { checks, receipts }
}

/** Latest moments of the trusted stamps on the signature. */
function signatureTimes({ message }: SignedStatement, { authorities }: StatementTrust): Date[] {
  const { stamps } = stampsOfSign1(message, message.payload ?? Buffer.alloc(0), authorities)
  return stamps.flatMap(({ of, time: { time, accuracyMs } }) =>
    of === 'signature' ? [new Date(time.getTime() + accuracyMs)] : [],
  )
}

/**
 * Why a statement is outside of the window that its issuer gave it (RFC 8392 §3.1.4, §3.1.5), or null. What a trusted time proves cannot be in the
 * future, so the latest of all times is the reader's: an expired statement stays expired, however early it was registered.
 */
function validityFault({ notBefore, expires }: SignedStatement, times: readonly Date[]): string | null {
  const now = new Date(Math.max(...times.map(Number)))
  if (expires !== null && now >= expires) return `it expired at ${expires.toISOString()}; asked at ${now.toISOString()}`
  return notBefore !== null && now < notBefore
    ? `it is valid from ${notBefore.toISOString()} on; asked at ${now.toISOString()}`
    : null
}

/** Why one of several keys may not sign under the name of the statement, or null: no two issuers may be taken for each other. */
function borrowedName(
  { issuer, chain }: SignedStatement,
  { key, issuer: named }: IssuerKey,
  { keys }: StatementTrust,
  at: Date,
): string | null {
  const alone = keys.every((other) => isSameKey(other.key, key))
  if (named !== null || alone || isOwnName(issuer, key, chain, at)) return null
  return `several keys are trusted, and none of them is named as a key of "${issuer}"`
}

/** Checks the signature with a trusted key, or with the leaf of a did:x509 that the reader named. @throws VerificationError */
function verifyByIssuer(
  { message, issuer, chain }: SignedStatement,
  trust: StatementTrust,
  at: Date,
  payload: Uint8Array | null,
): { payload: Buffer; by: IssuerKey } {
  const [leaf] = chain
  if (leaf !== undefined) checkThumbprint(message, leaf)
  const keys = trust.keys.filter(({ issuer: named }) => named === null || named === issuer)
  if (trust.issuer === issuer && issuer.startsWith('did:x509:')) {
    const did = resolveDidX509(issuer, chain, at)
    if (!did.assertionMethod)
      throw new VerificationError('signature-invalid', `the key of ${issuer} may not sign`, { subject: issuer })
    keys.push({ key: did.leaf.key, issuer })
  }
  let last = new VerificationError('key-mismatch', `no key of "${issuer}" is trusted`, { subject: message.subject })
  for (const by of keys) {
    try {
      const options = { payload: payload ?? undefined, bindCurve: trust.bindCurve, understood: [15, 16] }
      return { payload: verifySign1(message, by.key, options), by }
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      last = error
    }
  }
  throw last
}
