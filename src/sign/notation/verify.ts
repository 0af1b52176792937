import { ruleCheck, type Check } from '../../base/check.ts'
import { isWithin } from '../../base/window.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { checkChain } from '../../encoding/x509/chain.ts'
import { attributeOids, readName } from '../../encoding/x509/distinguished-name.ts'
import { alternativeNameOid } from '../../encoding/x509/general-names.ts'
import { checkNameConstraints, nameConstraintsOid } from '../../encoding/x509/name-constraints.ts'
import { extendedKeyUsageOid } from '../../encoding/x509/usage.ts'
import type { Descriptor } from '../../oci/types.ts'
import { keyFault, verifyBytes } from '../cose/algorithms.ts'
import { VerificationError } from '../../base/errors.ts'
import type { NotationSignature } from './envelope.ts'
import { schemes } from './names.ts'
import { checkTarget, readNotationPayload } from './payload.ts'
import { profileFault } from './profile.ts'

/** Whom a reader trusts: the part of a Notary Project trust policy that concerns one signature. */
export interface NotationTrust {
  /** Certificates of the trust store `ca`: one of them stands in the chain of a signature of the scheme `notary.x509`. */
  readonly store: readonly Certificate[]
  /**
   * Certificates of the trust store `signingAuthority`, the same for that scheme. Such a signer is believed about its own time, so nobody of `store`
   * may choose the scheme: a leaf that has expired would sign with a time of before. Default: none.
   */
  readonly signingAuthorities?: readonly Certificate[] | undefined
  /**
   * Subjects of leaves that count, each as attributes (`C`, `ST`, `O`, `CN`, … or OIDs) that the leaf must have; or `*` for every leaf below the trust
   * store.
   */
  readonly identities: '*' | readonly Readonly<Record<string, string>>[]
  /**
   * Verifies an RFC 3161 token over a signature, as `verifyTimestamp` of the log room does with pinned authorities; throws VerificationError. Null trusts
   * no authority: then a signature without signing authority counts only while its certificates are valid.
   */
  readonly stampedTime: ((token: Uint8Array, signature: Uint8Array) => { time: Date; accuracyMs: number }) | null
  readonly now: Date
}

const understood = new Set([extendedKeyUsageOid, alternativeNameOid, nameConstraintsOid, '2.5.29.32'])

/**
 * Judges a signature as the Notary Project specification does, step by step: integrity, authenticity, authentic timestamp, expiry, and the signed
 * descriptor. Revocation (OCSP, CRL) is not checked: that would contact the hosts that a certificate names.
 *
 * @returns every step; the signature counts when each is `ok`
 */
export function judgeNotation(signature: NotationSignature, target: Descriptor, trust: NotationTrust): Check[] {
  const { chain, algorithm, subject, covered, payload, expiry } = signature
  const [leaf] = chain
  const time = provenTime(signature, trust)
  return [
    ruleCheck('profile', () => profileFault(chain, algorithm)),
    ruleCheck('integrity', () => {
      if (leaf === undefined) return 'it carries no certificate'
      const fault = keyFault(algorithm, leaf.key, true)
      if (fault !== null) return fault
      return verifyBytes(algorithm, leaf.key, covered, signature.signature)
        ? null
        : `${subject} is not signed by its leaf`
    }),
    ruleCheck('authenticity', () => authenticityFault(signature, trust)),
    ruleCheck('identity', () => (leaf === undefined ? 'it carries no certificate' : identityFault(leaf, trust))),
    ruleCheck('authentic-timestamp', () => time.fault ?? validityFault(chain, time.from, time.to)),
    ruleCheck('expiry', () =>
      expiry === null || trust.now <= expiry ? null : `the signature expired at ${expiry.toISOString()}`,
    ),
    ruleCheck('subject', () => {
      checkTarget(readNotationPayload(payload, subject), target, subject)
      return null
    }),
  ]
}

function authenticityFault(
  { chain, scheme }: NotationSignature,
  { store, signingAuthorities = [] }: NotationTrust,
): string | null {
  const [leaf] = chain
  const root = chain.at(-1)
  if (leaf === undefined || root === undefined) return 'it carries no certificate'
  const byAuthority = scheme === schemes.signingAuthority
  const trusted = new Set((byAuthority ? signingAuthorities : store).map(({ fingerprint }) => fingerprint))
  if (!chain.some(({ fingerprint }) => trusted.has(fingerprint)))
    return `no certificate of its chain is in the trust store${byAuthority ? ' of signing authorities' : ''}`
  // A self-signed leaf is a chain of its own: the profile checks its signature.
  if (chain.length === 1) return null
  const rules = { roots: new Set([root.fingerprint]), at: leaf.notBefore, understood }
  const checks = [...checkChain(chain, rules), checkNameConstraints(chain)]
  return checks.find(({ name, ok }) => !ok && name !== 'chain-validity')?.why ?? null
}

function identityFault(leaf: Certificate, { identities }: NotationTrust): string | null {
  if (identities === '*') return null
  const subject = readName(leaf.subject, leaf.name)
  const has = (type: string, value: string): boolean =>
    subject.some((one) => one.oid === (attributeOids[type] ?? type) && one.value === value)
  const known = identities.some(
    (one) => Object.keys(one).length > 0 && Object.entries(one).every(([type, value]) => has(type, value)),
  )
  const text = subject.map(({ oid, value }) => `${nameOf(oid)}=${value}`).join(', ')
  return known ? null : `the signer is ${text}, which the trust policy does not name`
}

function nameOf(oid: string): string {
  return Object.entries(attributeOids).find(([, value]) => value === oid)?.[0] ?? oid
}

/** The time at which the certificates must be valid, as an interval: proven by a stamp or an authority, otherwise now. */
function provenTime(
  { scheme, signingTime, timestamp, signature }: NotationSignature,
  { stampedTime, now }: NotationTrust,
): { fault: string | null; from: Date; to: Date } {
  if (scheme === schemes.signingAuthority) return { fault: null, from: signingTime, to: signingTime }
  if (timestamp === null || stampedTime === null) return { fault: null, from: now, to: now }
  try {
    const { time, accuracyMs } = stampedTime(timestamp, signature)
    return { fault: null, from: new Date(time.getTime() - accuracyMs), to: new Date(time.getTime() + accuracyMs) }
  } catch (error) {
    if (error instanceof VerificationError) return { fault: error.message, from: now, to: now }
    throw error
  }
}

function validityFault(chain: readonly Certificate[], from: Date, to: Date): string | null {
  const outside = chain.find((one) => !isWithin(one, from) || !isWithin(one, to))
  return outside === undefined
    ? null
    : `${outside.name} is valid from ${outside.notBefore.toISOString()} to ${outside.notAfter.toISOString()}, not at ${from.toISOString()}`
}
