import { InputError, VerificationError } from '../base/errors.ts'
import type { Certificate } from '../encoding/x509/certificate.ts'
import { readClaims, type FulcioClaim, type FulcioClaims } from '../sign/certificate/claims.ts'
import { readAlternativeName, type AlternativeName } from '../sign/certificate/names.ts'

/** Whom a certificate speaks for. */
export interface CertificateIdentity {
  /** Null for a certificate that names no issuer of its identity, as those of an own authority. */
  issuer: string | null
  san: AlternativeName
  claims: FulcioClaims
}

/** Who may have signed. Everything that is named has to be equal; a pattern covers the whole text. */
export interface IdentityRule {
  /** For reasons and thresholds. */
  name: string
  /** Null only where a private authority vouches for names by itself. */
  issuer: string | null
  san: TextRule
  claims: Partial<Record<FulcioClaim, TextRule>>
}

export type TextRule = { exact: string } | { pattern: RegExp; source: string }

/** @throws VerificationError `format-invalid`, `certificate-invalid` */
export function readIdentity(certificate: Certificate): CertificateIdentity {
  const claims = readClaims(certificate)
  return { issuer: claims.issuer ?? null, san: readAlternativeName(certificate), claims }
}

/**
 * A pattern that covers a whole text. An unanchored pattern would also take every name that merely contains a good one.
 *
 * @throws SyntaxError for what is no regular expression by itself, as `a)|(b` would be only inside our anchors
 */
export function wholePattern(source: string): TextRule {
  const alone = new RegExp(source, 'u')
  return { pattern: new RegExp(`^(?:${alone.source})$`, 'u'), source }
}

/** Whether a text is what a rule wants. */
export function fits(rule: TextRule, text: string | undefined | null): boolean {
  if (text === undefined || text === null) return false
  return 'exact' in rule ? rule.exact === text : rule.pattern.test(text)
}

/** Why a certificate is not one that the rule names, or null when it is. */
export function unlikeRule(rule: IdentityRule, { issuer, san, claims }: CertificateIdentity): string | null {
  if (rule.issuer !== issuer) {
    const slug = issuer !== null && rule.issuer !== null && issuer.startsWith(`${rule.issuer}/`)
    const hint = slug ? ', the issuer of one enterprise, which has to be named whole' : ''
    return `its issuer is ${shown(issuer)}${hint}; expected is ${shown(rule.issuer)}`
  }
  if (!fits(rule.san, san.value)) return `it names ${shown(san.value)}; expected is ${ruleText(rule.san)}`
  for (const [claim, wanted] of Object.entries(rule.claims)) {
    const found = Object.entries(claims).find(([name]) => name === claim)?.[1]
    if (!fits(wanted, found)) return `its claim ${claim} is ${shown(found)}; expected is ${ruleText(wanted)}`
  }
  return null
}

/**
 * The rule that a certificate fits.
 *
 * @throws VerificationError `identity-mismatch` naming whom the certificate speaks for
 */
export function matchIdentity(identity: CertificateIdentity, rules: readonly IdentityRule[]): IdentityRule {
  const found = rules.find((rule) => unlikeRule(rule, identity) === null)
  if (found !== undefined) return found
  const [only, second] = rules
  const why = only !== undefined && second === undefined ? `: ${unlikeRule(only, identity)}` : ''
  throw new VerificationError(
    'identity-mismatch',
    `signed by a certificate for ${identityText(identity)}, which ${second === undefined ? 'is not the expected identity' : 'is none of the expected identities'}${why}`,
    { subject: identity.san.value, remedy: 'Check the identity and the issuer that you expect.' },
  )
}

/** In words: the name and who vouched for it. */
export function identityText({ issuer, san }: CertificateIdentity): string {
  return issuer === null ? san.value : `${san.value} (issuer ${issuer})`
}

function ruleText(rule: TextRule): string {
  return 'exact' in rule ? shown(rule.exact) : `the pattern "${rule.source}"`
}

function shown(text: string | undefined | null): string {
  return text === undefined || text === null ? 'not there' : `"${text}"`
}

/**
 * A rule of one identity.
 *
 * @param subject name of the option or policy line, for the error
 * @throws InputError `input-invalid` for a pattern that is none, or an issuer that is not a URL
 */
export function identityRule(
  { issuer, san, pattern }: { issuer: string; san: string | null; pattern: string | null },
  subject: string,
): IdentityRule {
  const refuse = (why: string, remedy: string, cause?: unknown): InputError =>
    new InputError('input-invalid', `${subject}: ${why}`, { subject, remedy, cause })
  if (!/^https?:\/\/[^\s]+$/.test(issuer))
    throw refuse(
      `"${issuer}" is not the URL of an issuer`,
      `Give the issuer as in https://token.actions.githubusercontent.com.`,
    )
  if (san !== null) return { name: san, issuer, san: { exact: san }, claims: {} }
  try {
    return { name: pattern ?? '', issuer, san: wholePattern(pattern ?? ''), claims: {} }
  } catch (cause) {
    throw refuse(`"${pattern ?? ''}" is not a regular expression`, 'Give a pattern that covers the whole name.', cause)
  }
}
