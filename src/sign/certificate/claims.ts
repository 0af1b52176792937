import { VerificationError } from '../../base/errors.ts'
import { readDer } from '../../encoding/der.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { derRefusal } from '../../encoding/x509/der-values.ts'
import { decodeText, readUtf8, utf8Tag } from './names.ts'

const arc = '1.3.6.1.4.1.57264.1.'

/**
 * Claims of the identity token that Fulcio copies into a certificate, by their number below 1.3.6.1.4.1.57264.1 (Fulcio, docs/oid-info.md).
 * Each is the text of the claim; none is there for tokens without it.
 */
export const fulcioClaims = [
  ['issuer', 8],
  ['buildSignerUri', 9],
  ['buildSignerDigest', 10],
  ['runnerEnvironment', 11],
  ['sourceRepositoryUri', 12],
  ['sourceRepositoryDigest', 13],
  ['sourceRepositoryRef', 14],
  ['sourceRepositoryIdentifier', 15],
  ['sourceRepositoryOwnerUri', 16],
  ['sourceRepositoryOwnerIdentifier', 17],
  ['buildConfigUri', 18],
  ['buildConfigDigest', 19],
  ['buildTrigger', 20],
  ['runInvocationUri', 21],
  ['sourceRepositoryVisibility', 22],
  ['deploymentEnvironment', 23],
  ['tokenSubject', 24],
] as const
export type FulcioClaim = (typeof fulcioClaims)[number][0]

/** Claims of a certificate; what it does not have is left out. */
export type FulcioClaims = Partial<Record<FulcioClaim, string>>

/** Earlier forms of some claims: text without DER. Fulcio still writes them beside the new ones. */
const oldClaims: readonly { number: number; of: FulcioClaim }[] = [
  { number: 1, of: 'issuer' },
  { number: 2, of: 'buildTrigger' },
  { number: 3, of: 'sourceRepositoryDigest' },
  { number: 6, of: 'sourceRepositoryRef' },
]

/**
 * Reads the claims of a Fulcio certificate. Where a claim stands in its earlier form alone, that counts; where both forms stand, they must be
 * equal, so that no two readers see two issuers.
 *
 * @throws VerificationError `format-invalid`, `certificate-invalid`
 */
export function readClaims(certificate: Certificate): FulcioClaims {
  const { name, extensions } = certificate
  const claims: FulcioClaims = {}
  for (const [claim, number] of fulcioClaims) {
    const extension = extensions.get(arc + String(number))
    if (extension === undefined) continue
    const element = readDer(extension.value, `${claim} of ${name}`)
    if (element.tag !== utf8Tag) throw derRefusal(name, 0, `has the claim ${claim} in a form that is not a UTF8String`)
    claims[claim] = readUtf8(element, name)
  }
  for (const { number, of } of oldClaims) {
    const extension = extensions.get(arc + String(number))
    if (extension === undefined) continue
    const old = decodeText(extension.value, name, 0)
    const value = claims[of]
    if (value !== undefined && value !== old) {
      throw new VerificationError('certificate-invalid', `${name} has two values of the claim ${of}`, { subject: name })
    }
    claims[of] = old
  }
  return claims
}
