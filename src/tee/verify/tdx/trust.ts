import type { TeeCheck } from '../../types.ts'
import { checkChain } from '../../../encoding/x509/chain.ts'
import { parseCertificate, type Certificate } from '../../../encoding/x509/certificate.ts'
import { checkCrl, checkRevocation, type Crl } from '../../../encoding/x509/crl.ts'
import type { Steps } from '../steps.ts'

/** SHA-256 of "Intel SGX Root CA" in DER, valid to the end of 2049. */
export const intelRoot = '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3'

const root = /^Intel SGX Root CA$/
/** Names of Intel's PCK Certificate and CRL Profile, leaf first. */
export const pckNames = [/^Intel SGX PCK Certificate$/, /^Intel SGX PCK (Platform|Processor) CA$/, root] as const
export const signerNames = [/^Intel SGX TCB Signing$/, root] as const

/** Where and when trust begins. */
export interface Anchor {
  /** SHA-256 of accepted roots, lower-case hex. */
  roots: readonly string[]
  at: Date
}

/** Reads a chain and checks it to a pinned root; each step's name begins with `name`. Null when any step failed. */
export function trustedChain(
  steps: Steps,
  name: string,
  ders: readonly Buffer[],
  names: readonly RegExp[],
  { roots, at }: Anchor,
): Certificate[] | null {
  const chain = steps.read(`${name}-format`, 'certificates of version 3', () =>
    ders.map((der, i) => parseCertificate(der, `${name}, certificate ${i}`)),
  )
  if (chain === null) return null
  const called = chain.map(({ subjectName }) => subjectName ?? '')
  const named = chain.length === names.length && called.every((text, i) => names[i]?.test(text) === true)
  // One after the other: `every` on calls would leave out the later ones.
  const results = [
    steps.note(`${name}-profile`, named, called.join(' < ')),
    note(steps, name, checkChain(chain, { roots: new Set(roots), at })),
  ]
  return results.every(Boolean) ? chain : null
}

/** Checks a list for its issuer and that none of the issuer's certificates named here is on it. */
export function checkList(
  steps: Steps,
  name: string,
  crl: Crl,
  issuer: Certificate,
  of: readonly Certificate[],
  at: Date,
): boolean {
  return note(steps, name, [
    ...checkCrl(crl, issuer, at),
    ...of.map((certificate) => checkRevocation(crl, certificate)),
  ])
}

function note(steps: Steps, prefix: string, checks: readonly TeeCheck[]): boolean {
  for (const { name, ok, why } of checks) steps.note(`${prefix}-${name.replace(/^(chain|crl)-/, '')}`, ok, why)
  return checks.every(({ ok }) => ok)
}
