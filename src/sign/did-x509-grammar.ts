import { VerificationError } from '../base/errors.ts'
import { attributeOids } from '../encoding/x509/distinguished-name.ts'

/** What a did:x509 says of the leaf. */
export type DidPredicate =
  | { readonly kind: 'subject'; readonly fields: readonly (readonly [string, string])[] }
  | { readonly kind: 'san'; readonly type: 'email' | 'dns' | 'uri'; readonly value: string }
  | { readonly kind: 'eku'; readonly oid: string }
  | { readonly kind: 'fulcio-issuer'; readonly issuer: string }

export interface ParsedDid {
  /** Without fragment. */
  readonly id: string
  readonly algorithm: 'sha256' | 'sha384' | 'sha512'
  /** base64url without padding. */
  readonly fingerprint: string
  readonly predicates: readonly DidPredicate[]
}

const longest = 8192
const fingerprintLengths = { sha256: 43, sha384: 64, sha512: 86 } as const
const oidForm = /^[0-2](\.(0|[1-9]\d*))+$/

/**
 * Reads `did:x509:0:ALGORITHM:FINGERPRINT::NAME:VALUE…::…` (did:x509 method, version 0). A fragment is cut off; path and query are refused.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseDidX509(did: string): ParsedDid {
  const [id = ''] = did.split('#')
  const refuse = (why: string): VerificationError =>
    new VerificationError('format-invalid', `"${id.slice(0, 300)}" ${why}`, { subject: 'did:x509' })
  if (did.length > longest) throw refuse(`has more than ${longest} characters`)
  if (id.includes('/')) throw refuse('has a path, which did:x509 does not support')
  if (id.includes('?')) throw refuse('has a query, which did:x509 does not support')
  const [head = '', ...rest] = id.split('::')
  const [scheme, method, version, algorithm, fingerprint, ...more] = head.split(':')
  if (scheme !== 'did' || method !== 'x509' || version !== '0' || more.length > 0)
    throw refuse('is not a did:x509 of version 0')
  if (algorithm !== 'sha256' && algorithm !== 'sha384' && algorithm !== 'sha512')
    throw refuse(`has a fingerprint by ${algorithm}, which is not supported`)
  if (fingerprint?.length !== fingerprintLengths[algorithm] || !/^[\w-]+$/.test(fingerprint))
    throw refuse(`has a fingerprint that is not a base64url ${algorithm}`)
  if (rest.length === 0) throw refuse('has no predicate')
  return { id, algorithm, fingerprint, predicates: rest.map((text) => parsePredicate(text, refuse)) }
}

function parsePredicate(text: string, refuse: (why: string) => VerificationError): DidPredicate {
  const [kind, ...parts] = text.split(':')
  const values = parts.map((part) => decode(part, refuse))
  const [first, second] = values
  switch (kind) {
    case 'subject':
      return { kind, fields: subjectFields(values, refuse) }
    case 'san':
      if ((first !== 'email' && first !== 'dns' && first !== 'uri') || second === undefined || values.length !== 2)
        throw refuse('has a san predicate that is not email, dns or uri with one value')
      return { kind, type: first, value: second }
    case 'eku':
      if (first === undefined || values.length !== 1 || !oidForm.test(first))
        throw refuse('has an eku predicate that is not one OID')
      return { kind, oid: first }
    case 'fulcio-issuer':
      if (first === undefined || values.length !== 1) throw refuse('has a fulcio-issuer predicate that is not one name')
      return { kind, issuer: first }
    default:
      throw refuse(`has the predicate "${kind}", which is not known`)
  }
}

function subjectFields(values: readonly string[], refuse: (why: string) => VerificationError): [string, string][] {
  if (values.length === 0 || values.length % 2 !== 0) throw refuse('has a subject predicate that is not pairs')
  const fields: [string, string][] = []
  for (let n = 0; n < values.length; n += 2) {
    const type = values[n] ?? ''
    if (!Object.hasOwn(attributeOids, type) && !oidForm.test(type))
      throw refuse(`has the subject field "${type}", which is not known`)
    const oid = attributeOids[type] ?? type
    if (fields.some(([other]) => (attributeOids[other] ?? other) === oid))
      throw refuse(`has the subject field "${type}" twice`)
    fields.push([type, values[n + 1] ?? ''])
  }
  return fields
}

/** Percent-encoding as the method defines it: letters, digits, `-`, `.` and `_` stand for themselves, nothing else does. */
function decode(text: string, refuse: (why: string) => VerificationError): string {
  if (!/^([\w.-]|%[0-9A-Fa-f]{2})+$/.test(text)) throw refuse('has a value that is empty or not percent-encoded')
  try {
    return decodeURIComponent(text)
  } catch {
    throw refuse('has a value that is not UTF-8')
  }
}
