import type { KeyObject } from 'node:crypto'
import { ruleCheck, type Check } from '../../base/check.ts'
import { VerificationError } from '../../base/errors.ts'
import { checkPreimage } from '../../sign/cose/hash-envelope.ts'
import { verifySign1 } from '../../sign/cose/verify.ts'
import { checkThumbprint } from '../../sign/cose/x509.ts'
import { resolveDidX509 } from '../../sign/did-x509.ts'
import type { TimestampAuthority } from '../timestamp/authority.ts'
import { stampsOfSign1 } from '../timestamp/sign1.ts'
import type { ScittService } from './services.ts'
import type { SignedStatement } from './statement.ts'
import { judgeReceipt, judgeReceipts, type ReceiptVerdict } from './verify.ts'

/** Whom a reader of statements trusts. */
export interface StatementTrust {
  /** Keys of issuers; a statement may be by any of them. */
  readonly keys: readonly KeyObject[]
  /** The only issuer that counts; null for any that has one of the keys. A did:x509 here needs no key: it pins an authority. */
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
  /** When certificates must be valid, unless a trusted service registered the statement, or a trusted stamp is on its signature: then that time counts. */
  readonly at: Date
}

export interface StatementVerdict {
  /** The statement counts when each is `ok`. */
  readonly checks: Check[]
  readonly receipts: ReceiptVerdict[]
}

/**
 * Judges a signed statement and its receipts (RFC 9943 §7): issuer, signature, subject, content, registration.
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
  const proven = [
    ...receipts.flatMap(({ status, registeredAt }) =>
      status === 'verified' && registeredAt !== null ? [registeredAt] : [],
    ),
    ...signatureTimes(statement, trust),
  ].sort((a, b) => a.getTime() - b.getTime())[0]
  const checks = [
    ruleCheck('issuer', () =>
      trust.issuer === null || trust.issuer === issuer ? null : `its issuer is "${issuer}", not "${trust.issuer}"`,
    ),
    ruleCheck('signature', () => {
      const payload = verifyByIssuer(statement, trust, proven ?? trust.at, hashEnvelope === null ? content : null)
      if (content !== null && hashEnvelope !== null) checkPreimage(hashEnvelope, payload, content, message.subject)
      return null
    }),
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

/** Checks the signature with a trusted key, or with the leaf of a did:x509 that the reader named. @throws VerificationError */
function verifyByIssuer(
  { message, issuer, chain }: SignedStatement,
  trust: StatementTrust,
  at: Date,
  payload: Uint8Array | null,
): Buffer {
  const [leaf] = chain
  if (leaf !== undefined) checkThumbprint(message, leaf)
  const keys = [...trust.keys]
  if (trust.issuer === issuer && issuer.startsWith('did:x509:')) {
    const did = resolveDidX509(issuer, chain, at)
    if (!did.assertionMethod)
      throw new VerificationError('signature-invalid', `the key of ${issuer} may not sign`, { subject: issuer })
    keys.push(did.leaf.key)
  }
  let last = new VerificationError('key-mismatch', `no key of "${issuer}" is trusted`, { subject: message.subject })
  for (const key of keys) {
    try {
      return verifySign1(message, key, {
        payload: payload ?? undefined,
        bindCurve: trust.bindCurve,
        understood: [15, 16],
      })
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      last = error
    }
  }
  throw last
}
