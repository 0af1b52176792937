import type { JsonObject } from '../../../base/json.ts'
import { readDer, type DerElement } from '../../../encoding/der.ts'
import { parseCertificate, type Certificate } from '../x509/certificate.ts'
import { checkChain } from '../x509/chain.ts'
import { DerMembers, readOid, tags } from '../x509/der-values.ts'
import type { Steps } from '../steps.ts'
import { keyFingerprint } from './attestation-key.ts'

export interface Makers {
  /** Pinned, DER. */
  roots: readonly Buffer[]
  /** DER certificates that may stand between. */
  authorities: readonly Buffer[]
  at: Date
}

export interface MakerCertificate {
  /** A chain to a pinned root holds. */
  trusted: boolean
  keyFingerprint: string
  facts: JsonObject
}

const alternativeNameOid = '2.5.29.17'
const extendedUsageOid = '2.5.29.37'
/** Any policy will do: which maker is meant is said by the pinned root. */
const policiesOid = '2.5.29.32'
/** tcg-kp-EKCertificate, tcg-kp-AIKCertificate (TCG EK Credential Profile §3.2, OID registry). */
const purposes = { 'ek-certificate': '2.23.133.8.1', 'ak-certificate': '2.23.133.8.3' } as const
/** tcg-at-tpmManufacturer, -Model, -Version in the subject's alternative name (EK Credential Profile §3.2.9). */
const attributes: Readonly<Record<string, string>> = {
  '2.23.133.2.1': 'manufacturer',
  '2.23.133.2.2': 'model',
  '2.23.133.2.3': 'version',
}
const longestPath = 3

/**
 * Reads a certificate of a TPM key and looks for a chain to a pinned root. Without pinned roots only what it says is told; with them a chain
 * that does not hold is a failed step. A certificate that can't be read always is.
 */
export function judgeMakerCertificate(
  name: keyof typeof purposes | (string & {}),
  bytes: () => Buffer,
  { roots, authorities, at }: Makers,
  steps: Steps,
): MakerCertificate | null {
  const leaf = steps.read(name, 'a certificate of version 3', () => parseCertificate(bytes(), name, 'tpm'))
  if (leaf === null) return null
  const made = steps.read(`${name}-form`, 'names its TPM as TCG’s profile says', () => tpmNames(leaf))
  if (made === null) return null
  const facts = { ...made, issuer: leaf.issuerName, fingerprint: leaf.fingerprint, key: keyFingerprint(leaf.key) }
  const result = { keyFingerprint: keyFingerprint(leaf.key), facts }
  if (roots.length === 0) return { ...result, trusted: false }
  const wanted = purposes[name as keyof typeof purposes]
  // An AK certificate of a cloud names no purpose; an EK certificate that names others is none.
  const purpose = made.purposes.length === 0 || made.purposes.includes(wanted)
  steps.note(`${name}-purpose`, purpose, `purposes: ${made.purposes.join(', ') || 'none'}`)
  const pool = steps.read(`${name}-authorities`, 'authorities at hand are certificates', () => ({
    roots: roots.map((der, i) => parseCertificate(der, `TPM root ${i}`, 'tpm')),
    between: authorities.map((der, i) => parseCertificate(der, `TPM authority ${i}`, 'tpm')),
  }))
  if (pool === null) return null
  const chain = findChain(leaf, pool.roots, pool.between, longestPath) ?? [leaf]
  const checks = checkChain(chain, {
    roots: new Set(pool.roots.map(({ fingerprint }) => fingerprint)),
    at,
    understood: new Set([alternativeNameOid, extendedUsageOid, policiesOid]),
  })
  for (const check of checks) steps.note(`${name}-${check.name}`, check.ok, check.why)
  return { ...result, trusted: purpose && checks.every(({ ok }) => ok) }
}

/** By names only, signatures are checked later. Null when no pinned root is reached. */
function findChain(
  leaf: Certificate,
  roots: readonly Certificate[],
  between: readonly Certificate[],
  left: number,
): Certificate[] | null {
  const root = roots.find(({ subject }) => subject.equals(leaf.issuer))
  if (root !== undefined) return [leaf, root]
  if (left === 0) return null
  for (const next of between) {
    if (!next.subject.equals(leaf.issuer) || next.subject.equals(next.issuer)) continue
    const above = findChain(next, roots, between, left - 1)
    if (above !== null) return [leaf, ...above]
  }
  return null
}

/** @throws VerificationError `format-invalid` */
function tpmNames({ extensions, name }: Certificate): JsonObject & { purposes: string[] } {
  const usage = extensions.get(extendedUsageOid)
  const purposes = usage === undefined ? [] : readDer(usage.value, name).children.map((child) => readOid(child, name))
  const facts: JsonObject & { purposes: string[] } = { purposes }
  const alternative = extensions.get(alternativeNameOid)
  if (alternative === undefined) return facts
  for (const general of readDer(alternative.value, name).children) {
    // [4] directoryName.
    if (general.tag === 0xa4) Object.assign(facts, directoryNames(general, name))
  }
  return facts
}

function directoryNames(general: DerElement, name: string): JsonObject {
  const facts: JsonObject = {}
  for (const set of general.children.flatMap((sequence) => sequence.children)) {
    for (const pair of set.children) {
      const members = new DerMembers(pair, name)
      const fact = attributes[readOid(members.take(tags.oid, 'the kind of a name'), name)]
      const value = members.any('the value of a name').content.toString('utf8')
      members.end()
      if (fact !== undefined) facts[fact] = vendor(value)
    }
  }
  return facts
}

/** `id:494E5443` is four characters in hex. */
function vendor(value: string): string {
  const hex = /^id:((?:[0-9A-Fa-f]{2}){4})$/.exec(value)?.[1]
  const text = hex === undefined ? '' : Buffer.from(hex, 'hex').toString('latin1').replaceAll('\0', '')
  return /^[\x20-\x7e]+$/.test(text) ? text : value
}
