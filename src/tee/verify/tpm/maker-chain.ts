import { SealwrightError } from '../../../base/errors.ts'
import type { CertificateFacts } from '../../facts/tpm.ts'
import { readDer, type DerElement } from '../../../encoding/der.ts'
import { parseCertificate, type Certificate } from '../../../encoding/x509/certificate.ts'
import { checkChain } from '../../../encoding/x509/chain.ts'
import { DerMembers, readOid, tags } from '../../../encoding/x509/der-values.ts'
import { alternativeNameOid } from '../../../encoding/x509/general-names.ts'
import { extendedKeyUsageOid, readExtendedKeyUsage } from '../../../encoding/x509/usage.ts'
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
  facts: CertificateFacts
}

/** Any policy will do: which maker is meant is said by the pinned root. */
const policiesOid = '2.5.29.32'
/** tcg-kp-EKCertificate, tcg-kp-AIKCertificate (TCG EK Credential Profile §3.2, OID registry). Google's AK certificates name the former. */
const purposes = {
  'ek-certificate': ['2.23.133.8.1'],
  'ak-certificate': ['2.23.133.8.3', '2.23.133.8.1'],
} as const
/** tcg-at-tpmManufacturer, -Model, -Version in the subject's alternative name (EK Credential Profile §3.2.9). */
const attributes: Readonly<Record<string, 'manufacturer' | 'model' | 'version'>> = {
  '2.23.133.2.1': 'manufacturer',
  '2.23.133.2.2': 'model',
  '2.23.133.2.3': 'version',
}
interface TpmNames {
  purposes: string[]
  manufacturer: string | null
  model: string | null
  version: string | null
}

const longestPath = 3
const mostChains = 64

/**
 * Reads a certificate of a TPM key and looks for a chain to a pinned root. Without pinned roots only what it says is told; with them one that
 * can't be read or whose chain does not hold is a failed step.
 */
export function judgeMakerCertificate(
  name: keyof typeof purposes | (string & {}),
  bytes: () => Buffer,
  { roots, authorities, at }: Makers,
  steps: Steps,
): MakerCertificate | null {
  const read = () => parseCertificate(bytes(), name, 'tpm')
  if (roots.length === 0) return onlyTold(read)
  const leaf = steps.read(name, 'a certificate of version 3', read)
  if (leaf === null) return null
  const made = steps.read(`${name}-form`, 'names its TPM as TCG’s profile says', () => tpmNames(leaf))
  if (made === null) return null
  const wanted: readonly string[] = purposes[name as keyof typeof purposes]
  // An AK certificate of a cloud may name no purpose; an EK certificate that names others is none.
  const purpose = made.purposes.length === 0 || made.purposes.some((id) => wanted.includes(id))
  steps.note(`${name}-purpose`, purpose, `purposes: ${made.purposes.join(', ') || 'none'}`)
  const pool = steps.read(`${name}-authorities`, 'authorities at hand are certificates', () => ({
    roots: roots.map((der, i) => parseCertificate(der, `TPM root ${i}`, 'tpm')),
    between: authorities.map((der, i) => parseCertificate(der, `TPM authority ${i}`, 'tpm')),
  }))
  if (pool === null) return null
  const pinned = new Set(pool.roots.map(({ fingerprint }) => fingerprint))
  const understood = new Set([alternativeNameOid, extendedKeyUsageOid, policiesOid])
  const judged = chainsOf(leaf, pool.roots, pool.between, longestPath)
    .slice(0, mostChains)
    .map((chain) => checkChain(chain, { roots: pinned, at, understood }))
  // Makers renew authorities under the same name: one chain that holds is enough, else the first tells what is wrong.
  const checks =
    judged.find((one) => one.every(({ ok }) => ok)) ??
    judged[0] ??
    checkChain([leaf], { roots: pinned, at, understood })
  for (const check of checks) steps.note(`${name}-${check.name}`, check.ok, check.why)
  return { ...told(leaf, made), trusted: purpose && checks.every(({ ok }) => ok) }
}

function told(leaf: Certificate, made: TpmNames): Pick<MakerCertificate, 'keyFingerprint' | 'facts'> {
  const key = keyFingerprint(leaf.key)
  return { keyFingerprint: key, facts: { ...made, issuer: leaf.issuerName, fingerprint: leaf.fingerprint, key } }
}

/** Nobody asked for it to count, so one that cannot be read is told as such and refuses nothing. */
function onlyTold(read: () => Certificate): MakerCertificate {
  try {
    const leaf = read()
    return { ...told(leaf, tpmNames(leaf)), trusted: false }
  } catch (error) {
    if (!(error instanceof SealwrightError)) throw error
    return { trusted: false, keyFingerprint: '', facts: { unreadable: error.message } }
  }
}

/** Chains to a root by names alone; signatures are checked later. */
function chainsOf(
  leaf: Certificate,
  roots: readonly Certificate[],
  between: readonly Certificate[],
  left: number,
): Certificate[][] {
  const direct = roots.filter(({ subject }) => subject.equals(leaf.issuer)).map((root) => [leaf, root])
  if (left === 0) return direct
  const next = between.filter(({ subject, issuer }) => subject.equals(leaf.issuer) && !subject.equals(issuer))
  return [...direct, ...next.flatMap((one) => chainsOf(one, roots, between, left - 1).map((chain) => [leaf, ...chain]))]
}

/** @throws VerificationError `format-invalid` */
function tpmNames(certificate: Certificate): TpmNames {
  const { extensions, name } = certificate
  const purposes = readExtendedKeyUsage(certificate) ?? []
  const facts: TpmNames = { purposes, manufacturer: null, model: null, version: null }
  const alternative = extensions.get(alternativeNameOid)
  if (alternative === undefined) return facts
  for (const general of readDer(alternative.value, name).children) {
    // [4] directoryName.
    if (general.tag === 0xa4) Object.assign(facts, directoryNames(general, name))
  }
  return facts
}

function directoryNames(general: DerElement, name: string): Partial<TpmNames> {
  const facts: Partial<TpmNames> = {}
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
