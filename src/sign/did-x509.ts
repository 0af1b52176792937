import { createHash } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { Certificate } from '../encoding/x509/certificate.ts'
import { checkChain } from '../encoding/x509/chain.ts'
import { attributeOids, readName } from '../encoding/x509/distinguished-name.ts'
import { alternativeNameOid, readAlternativeNames } from '../encoding/x509/general-names.ts'
import { checkNameConstraints, nameConstraintsOid } from '../encoding/x509/name-constraints.ts'
import { extendedKeyUsageOid, readExtendedKeyUsage, readKeyUsage } from '../encoding/x509/usage.ts'
import { parseDidX509, type DidPredicate } from './did-x509-grammar.ts'

/** What a did:x509 resolves to: the key of the leaf, and what it may be used for. */
export interface DidX509 {
  /** The DID without fragment. */
  readonly did: string
  readonly leaf: Certificate
  /** Whether the key may sign: `authentication` and `assertionMethod` of the DID document. */
  readonly assertionMethod: boolean
  readonly keyAgreement: boolean
}

const certificatePoliciesOid = '2.5.29.32'
/** Fulcio's first form of the OIDC issuer, a bare text. */
const fulcioIssuerOid = '1.3.6.1.4.1.57264.1.1'
const understood = new Set([alternativeNameOid, extendedKeyUsageOid, certificatePoliciesOid, nameConstraintsOid])

/**
 * Resolves a did:x509 (version 0) against a certificate chain: the chain holds, one of its authorities has the fingerprint of the DID, and the
 * leaf fulfils every predicate.
 *
 * @param chain leaf first, root last
 * @param at when the certificates must be valid; null leaves that to the caller, as the method itself does
 * @throws VerificationError `format-invalid` for a malformed DID or certificate; `signature-invalid` for a chain or leaf that does not fit
 */
export function resolveDidX509(did: string, chain: readonly Certificate[], at: Date | null): DidX509 {
  const { id, algorithm, fingerprint, predicates } = parseDidX509(did)
  const [leaf, ...authorities] = chain
  const root = chain.at(-1)
  if (leaf === undefined || root === undefined || authorities.length === 0)
    throw refuse(id, 'needs a chain of at least two certificates')
  const rules = { roots: new Set([root.fingerprint]), at: at ?? leaf.notBefore, understood }
  const checks = [...checkChain(chain, rules), checkNameConstraints(chain)]
  const broken = checks.find(({ name, ok }) => !ok && (at !== null || name !== 'chain-validity'))
  if (broken !== undefined) throw refuse(id, broken.why)
  const isPinned = ({ bytes }: Certificate): boolean =>
    createHash(algorithm).update(bytes).digest('base64url') === fingerprint
  if (!authorities.some(isPinned)) throw refuse(id, 'names an authority that is not in the chain')
  const usage = readKeyUsage(leaf)
  const assertionMethod = usage === null || usage.has('digitalSignature')
  const keyAgreement = usage === null || usage.has('keyAgreement')
  if (!assertionMethod && !keyAgreement) throw refuse(id, `${leaf.name} may neither sign nor agree on keys`)
  const names = subjectOf(leaf, id)
  for (const predicate of predicates) {
    const why = against(predicate, leaf, names)
    if (why !== null) throw refuse(id, why)
  }
  return { did: id, leaf, assertionMethod, keyAgreement }
}

/** The subject by type. A type that stands twice is refused, as a predicate could not say which one it means. */
function subjectOf(leaf: Certificate, id: string): Map<string, string> {
  const names = new Map<string, string>()
  for (const { oid, value } of readName(leaf.subject, leaf.name)) {
    if (names.has(oid)) throw refuse(id, `${leaf.name} has the name ${oid} twice`)
    names.set(oid, value)
  }
  if (readAlternativeNames(leaf).some(({ kind }) => kind === 'other'))
    throw refuse(id, `${leaf.name} has an alternative name of a kind that is not supported`)
  return names
}

/** Why a leaf does not fulfil a predicate, or null. */
function against(predicate: DidPredicate, leaf: Certificate, names: ReadonlyMap<string, string>): string | null {
  switch (predicate.kind) {
    case 'subject': {
      const wrong = predicate.fields.find(([type, value]) => names.get(attributeOids[type] ?? type) !== value)
      return wrong === undefined ? null : `${leaf.name} has another ${wrong[0]} in its subject than "${wrong[1]}"`
    }
    case 'san': {
      const { type, value } = predicate
      const found = readAlternativeNames(leaf).some((name) => name.kind === type && name.value === value)
      return found ? null : `${leaf.name} does not have the ${type} name "${value}"`
    }
    case 'eku':
      return readExtendedKeyUsage(leaf)?.includes(predicate.oid) === true
        ? null
        : `${leaf.name} does not name the purpose ${predicate.oid}`
    case 'fulcio-issuer': {
      const issuer = leaf.extensions.get(fulcioIssuerOid)?.value.toString('utf8')
      return issuer === `https://${predicate.issuer}` ? null : `${leaf.name} was not issued for ${predicate.issuer}`
    }
  }
}

function refuse(id: string, why: string): VerificationError {
  return new VerificationError('signature-invalid', `${id}: ${why}`, { subject: id })
}
