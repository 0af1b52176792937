import type { Check } from '../../base/check.ts'
import { readDer, type DerElement } from '../der.ts'
import type { Certificate } from './certificate.ts'
import { DerMembers, derRefusal, tags } from './der-values.ts'
import { readName } from './distinguished-name.ts'
import { readAlternativeNames, readGeneralName, type GeneralName } from './general-names.ts'

export const nameConstraintsOid = '2.5.29.30'
const emailAddressOid = '1.2.840.113549.1.9.1'

interface NameConstraints {
  permitted: GeneralName[]
  excluded: GeneralName[]
}

/**
 * Checks that the names of each certificate lie inside of what the authorities above it may name (RFC 5280 §4.2.1.10). Read are constraints on
 * DNS names, addresses and URIs; an authority with another kind of constraint is refused.
 *
 * @param chain leaf first
 * @throws VerificationError `format-invalid`
 */
export function checkNameConstraints(chain: readonly Certificate[]): Check {
  for (const [n, authority] of chain.entries()) {
    const constraints = readConstraints(authority)
    if (constraints === null) continue
    for (const below of chain.slice(0, n)) {
      const why = breach(namesOf(below), constraints)
      if (why !== null)
        return {
          name: 'chain-name-constraints',
          ok: false,
          why: `${authority.name} does not permit ${why} of ${below.name}`,
        }
    }
  }
  return { name: 'chain-name-constraints', ok: true, why: `${chain.length} checked` }
}

/** Addresses in the subject count as well: the RFC lets old certificates put them there. */
function namesOf(certificate: Certificate): GeneralName[] {
  const inSubject = readName(certificate.subject, certificate.name)
    .filter(({ oid }) => oid === emailAddressOid)
    .map(({ value }): GeneralName => ({ kind: 'email', value }))
  return [...readAlternativeNames(certificate), ...inSubject]
}

function breach(names: readonly GeneralName[], { permitted, excluded }: NameConstraints): string | null {
  for (const name of names) {
    const allowed = permitted.filter(({ kind }) => kind === name.kind)
    if (allowed.length > 0 && !allowed.some((one) => isNameInside(name, one.value)))
      return `the ${name.kind} name ${name.value}`
    if (excluded.some((one) => one.kind === name.kind && isNameInside(name, one.value)))
      return `the excluded ${name.kind} name ${name.value}`
  }
  return null
}

function readConstraints({ extensions, name }: Certificate): NameConstraints | null {
  const extension = extensions.get(nameConstraintsOid)
  if (extension === undefined) return null
  const members = new DerMembers(readDer(extension.value, `name constraints of ${name}`), name)
  const permitted = members.optional(0xa0)
  const excluded = members.optional(0xa1)
  members.end()
  return { permitted: readSubtrees(permitted, name), excluded: readSubtrees(excluded, name) }
}

function readSubtrees(element: DerElement | null, name: string): GeneralName[] {
  return (element?.children ?? []).map((subtree) => {
    const [base, bounds] = subtree.children
    // RFC 5280: minimum is zero, which DER leaves out, and maximum is absent.
    if (subtree.tag !== tags.sequence || base === undefined || bounds !== undefined)
      throw derRefusal(name, subtree.offset, 'has malformed name constraints')
    const read = readGeneralName(base, name)
    if (read.kind === 'directory' || read.kind === 'other')
      throw derRefusal(name, subtree.offset, 'has name constraints of a kind that is not supported')
    return read
  })
}

/** Whether a name lies in a subtree (RFC 5280 §4.2.1.10). @param constraint base of the subtree, of the kind of the name */
export function isNameInside({ kind, value }: GeneralName, constraint: string): boolean {
  const base = constraint.toLowerCase()
  if (kind === 'email') {
    if (base.includes('@'))
      return (
        value.slice(0, value.lastIndexOf('@')) === constraint.slice(0, constraint.lastIndexOf('@')) &&
        hostOf(value) === hostOf(base)
      )
    return isHostInside(hostOf(value), base, false)
  }
  if (kind === 'uri') return isHostInside(uriHost(value), base, false)
  return isHostInside(value.toLowerCase(), base, true)
}

/** @param below whether a constraint without leading dot covers the names below it as well: DNS names only */
function isHostInside(host: string, base: string, below: boolean): boolean {
  if (base === '') return true
  if (base.startsWith('.')) return host.endsWith(base) && host.length > base.length
  return host === base || (below && host.endsWith(`.${base}`))
}

function hostOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase()
}

/** The host of a URI; a text that no constraint contains where there is none. */
function uriHost(value: string): string {
  return URL.canParse(value) ? new URL(value).hostname.toLowerCase() : '\u0000'
}
