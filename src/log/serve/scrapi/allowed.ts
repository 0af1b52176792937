import type { KeyObject } from 'node:crypto'
import { VerificationError } from '../../../base/errors.ts'
import { isObject, nestsDeeper, parseJson } from '../../../base/json.ts'
import { duplicateMember, otherSpelling } from '../../../base/json-members.ts'
import type { Certificate } from '../../../encoding/x509/certificate.ts'
import { checkChain, isSignedBy } from '../../../encoding/x509/chain.ts'
import { alternativeNameOid, readAlternativeNames } from '../../../encoding/x509/general-names.ts'
import { checkNameConstraints, nameConstraintsOid } from '../../../encoding/x509/name-constraints.ts'
import { extendedKeyUsageOid, readKeyUsage } from '../../../encoding/x509/usage.ts'
import { readClaims } from '../../../sign/certificate/claims.ts'
import { headers } from '../../../sign/cose/labels.ts'
import { verifySign1 } from '../../../sign/cose/verify.ts'
import { checkThumbprint } from '../../../sign/cose/x509.ts'
import { resolveDidX509 } from '../../../sign/did-x509.ts'
import { payloadType } from '../../../statement/types.ts'
import { isOwnName } from '../../scitt/own-name.ts'
import type { SignedStatement } from '../../scitt/statement.ts'
import type { RegistrationPolicy, RegistrationRule } from './policy.ts'

const understood = new Set([alternativeNameOid, extendedKeyUsageOid, nameConstraintsOid, '2.5.29.32'])

/**
 * Applies a registration policy to a statement (RFC 9943 §5.1.1): who signed it, about what, and of which type. All of it is read from what the
 * signature covers, so that an auditor of the log comes to the same result.
 *
 * @param at time of the registration: certificates, `nbf` and `exp` are judged by it
 * @returns name of the first rule that allows it
 * @throws VerificationError `denied` with the reason of the last rule
 */
export function allowedBy(statement: SignedStatement, { rules }: RegistrationPolicy, at: Date): string {
  const { message, subject, notBefore, expires } = statement
  if (subject === null) throw denied(message.subject, 'names no subject')
  if (expires !== null && at >= expires) throw denied(message.subject, `expired at ${expires.toISOString()}`)
  if (notBefore !== null && at < notBefore) throw denied(message.subject, `is valid from ${notBefore.toISOString()} on`)
  let last = denied(message.subject, 'is not allowed by any rule of the registration policy')
  for (const rule of rules) {
    try {
      checkContent(statement, rule)
      verifySign1(message, signerOf(statement, rule, at), { understood: [headers.cwtClaims, headers.typ] })
      return rule.name
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      last = denied(message.subject, `is not allowed by the rule "${rule.name}": ${error.message}`)
    }
  }
  throw last
}

/** The key that the rule expects the signature of. @throws VerificationError where the rule does not fit the issuer */
function signerOf(statement: SignedStatement, rule: RegistrationRule, at: Date): KeyObject {
  const { issuer, message, chain } = statement
  const [leaf] = chain
  if (rule.issuer !== null && rule.issuer !== issuer)
    throw denied(message.subject, `has the issuer "${issuer}", expected "${rule.issuer}"`)
  // The log keeps the protected header alone: certificates beside it could not be judged again.
  if (leaf !== undefined && message.protected.has(headers.x5chain)) checkThumbprint(message, leaf)
  const kept = message.protected.has(headers.x5chain) ? chain : []
  if (rule.certificate !== null) return certified(statement, kept, rule, rule.certificate, at)
  if (rule.keys.length === 0 && rule.issuer !== null) {
    const did = resolveDidX509(rule.issuer, kept, at)
    if (!did.assertionMethod) throw denied(message.subject, 'has a certificate that may not sign')
    return did.leaf.key
  }
  const key = rule.keys.find((one) => isBy(statement, one))
  if (key === undefined) throw denied(message.subject, 'is not signed by a key of the rule')
  if (rule.issuer === null && !isOwnName(issuer, key, kept, at))
    throw denied(message.subject, `has the issuer "${issuer}", which is not the name of its key`)
  return key
}

function isBy({ message }: SignedStatement, key: KeyObject): boolean {
  try {
    verifySign1(message, key, { understood: [headers.cwtClaims, headers.typ] })
    return true
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}

function certified(
  { issuer, message: { subject } }: SignedStatement,
  chain: readonly Certificate[],
  rule: RegistrationRule,
  { roots, san, oidcIssuer }: NonNullable<RegistrationRule['certificate']>,
  at: Date,
): KeyObject {
  const [leaf] = chain
  const top = chain.at(-1)
  if (leaf === undefined || top === undefined) throw denied(subject, 'has no certificates in its protected header')
  const isPinned = roots.some(({ fingerprint }) => fingerprint === top.fingerprint)
  // A chain may leave its root out.
  const root = isPinned ? undefined : roots.find((one) => one.subject.equals(top.issuer) && isSignedBy(top, one))
  const whole = root === undefined ? chain : [...chain, root]
  const rules = { roots: new Set(roots.map(({ fingerprint }) => fingerprint)), at, understood }
  const broken = [...checkChain(whole, rules), checkNameConstraints(whole)].find(({ ok }) => !ok)
  if (broken !== undefined) throw denied(subject, `has certificates that do not count: ${broken.why}`)
  if (readKeyUsage(leaf)?.has('digitalSignature') === false)
    throw denied(subject, 'has a certificate that may not sign')
  const names = readAlternativeNames(leaf).filter(({ kind }) => kind === 'uri' || kind === 'email' || kind === 'dns')
  if (san !== null && !names.some(({ value }) => san.test(value)))
    throw denied(subject, 'has a certificate for another name')
  if (oidcIssuer !== null && readClaims(leaf).issuer !== oidcIssuer)
    throw denied(subject, `has a certificate for an identity of another issuer than "${oidcIssuer}"`)
  if (rule.issuer === null && !isOwnName(issuer, leaf.key, whole, at))
    throw denied(subject, `has the issuer "${issuer}", which is not the name of its certificate`)
  return leaf.key
}

function checkContent(statement: SignedStatement, rule: RegistrationRule): void {
  const { message, subject, contentType } = statement
  if (rule.subjects?.some((pattern) => pattern.test(subject ?? '')) === false)
    throw denied(message.subject, `has the subject "${subject}", which no pattern covers`)
  if (rule.contentTypes?.includes(String(contentType)) === false)
    throw denied(message.subject, `has the content type "${contentType}"`)
  if (rule.predicateTypes === null) return
  const type = predicateType(statement)
  if (!rule.predicateTypes.includes(type)) throw denied(message.subject, `has the predicate type "${type}"`)
}

/** Predicate type of an in-toto statement that is the payload itself. */
function predicateType({ message, hashEnvelope, contentType }: SignedStatement): string {
  if (hashEnvelope !== null || contentType !== payloadType || message.payload === null)
    throw denied(message.subject, 'does not contain an in-toto statement whose predicate type could be read')
  // Readers disagree about a member that stands twice, and so about the predicate type.
  const text = message.payload.toString('utf8')
  if (nestsDeeper(message.payload, 64) || duplicateMember(text) !== null)
    throw denied(message.subject, 'contains JSON that nests too deep or has a member twice')
  const value = parseJson(text, `the payload of ${message.subject}`)
  const spelled = isObject(value) ? otherSpelling(value, ['predicateType']) : null
  if (spelled !== null)
    throw denied(message.subject, `has the member "${spelled}", which some readers take for predicateType`)
  const type = isObject(value) ? value['predicateType'] : undefined
  if (typeof type === 'string') return type
  throw denied(message.subject, 'contains an in-toto statement without a predicate type')
}

function denied(subject: string, why: string): VerificationError {
  return new VerificationError('denied', `${subject} ${why}`, {
    subject,
    remedy: 'Ask the operator of the service for the registration policy.',
  })
}
