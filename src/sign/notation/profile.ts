import type { Certificate } from '../../encoding/x509/certificate.ts'
import { basicConstraintsOid, keyUsageOid } from '../../encoding/x509/extensions.ts'
import { isSigned } from '../../encoding/x509/signature.ts'
import { readExtendedKeyUsage, readKeyUsage } from '../../encoding/x509/usage.ts'
import { algorithmOf, type CoseAlgorithm } from '../cose/algorithms.ts'

/** Purposes that a certificate of a signer must not have: any, servers, clients, mail, time stamps, OCSP. */
const foreignPurposes = [
  '2.5.29.37.0',
  '1.3.6.1.5.5.7.3.1',
  '1.3.6.1.5.5.7.3.2',
  '1.3.6.1.5.5.7.3.4',
  '1.3.6.1.5.5.7.3.8',
  '1.3.6.1.5.5.7.3.9',
]
const leafUsages = ['digitalSignature', 'nonRepudiation']

/**
 * Why a chain does not fit the certificate profile of the Notary Project, or null: it reaches its root, the leaf may sign and nothing else, the
 * authorities are marked as such, and the algorithm is the one of the leaf's key.
 *
 * @param algorithm of the signature; null where none was made yet
 * @throws VerificationError `format-invalid` for a malformed extension
 */
export function profileFault(chain: readonly Certificate[], algorithm: CoseAlgorithm | null): string | null {
  const [leaf, ...authorities] = chain
  const root = chain.at(-1)
  if (leaf === undefined || root === undefined) return 'it carries no certificate'
  if (!isSelfSigned(root)) return `${root.name} is not self-signed: the chain does not reach its root`
  const own = algorithmOf(leaf.key)
  if (own === null || own.kind === 'eddsa') return `${leaf.name} has a key that Notary Project does not use`
  if (algorithm !== null && algorithm.id !== own.id)
    return `the key of ${leaf.name} belongs to ${own.name}, not ${algorithm.name}`
  return leafFault(leaf) ?? authorities.map(authorityFault).find((fault) => fault !== null) ?? null
}

/** Whether a certificate vouches for itself. */
export function isSelfSigned({ issuer, subject, signed, algorithm, signature, key }: Certificate): boolean {
  return issuer.equals(subject) && isSigned(signed, algorithm, signature, key)
}

function leafFault(leaf: Certificate): string | null {
  const usage = readKeyUsage(leaf)
  if (leaf.powers.ca) return `${leaf.name} is an authority`
  if (usage === null || leaf.extensions.get(keyUsageOid)?.critical !== true)
    return `${leaf.name} has no critical key usage`
  if (!usage.has('digitalSignature')) return `${leaf.name} may not sign`
  const other = [...usage].find((name) => !leafUsages.includes(name))
  if (other !== undefined) return `${leaf.name} has the key usage ${other} as well`
  const purpose = readExtendedKeyUsage(leaf)?.find((oid) => foreignPurposes.includes(oid))
  return purpose === undefined ? null : `${leaf.name} has the purpose ${purpose}`
}

function authorityFault(authority: Certificate): string | null {
  const isMarked = authority.powers.ca && authority.extensions.get(basicConstraintsOid)?.critical === true
  if (!isMarked) return `${authority.name} is not marked as an authority by a critical extension`
  const mayIssue = readKeyUsage(authority)?.has('keyCertSign') === true
  return mayIssue && authority.extensions.get(keyUsageOid)?.critical === true
    ? null
    : `${authority.name} has no critical key usage for certificates`
}
