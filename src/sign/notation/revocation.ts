import type { Certificate } from '../../encoding/x509/certificate.ts'
import { checkCrl, checkRevocation, type Crl } from '../../encoding/x509/crl.ts'

/** What revocation lists say of a chain; null where there is nothing to say. */
export interface RevocationStatus {
  /** Which certificate is revoked. */
  readonly revoked: string | null
  /** Which certificate no list speaks of, and why. */
  readonly unknown: string | null
}

/**
 * Looks whether the authorities of a chain revoked the certificates below them (Notary Project, trust store and trust policy specification,
 * "Certificate Revocation Evaluation"), by lists that the caller has. The root is not looked for: nobody but itself could revoke it.
 *
 * @param chain leaf first, root last, its signatures checked
 * @param at when a list must be in its window
 */
export function revocationOf(chain: readonly Certificate[], crls: readonly Crl[], at: Date): RevocationStatus {
  const found = chain.slice(0, -1).map((certificate, n) => statusOf(certificate, chain[n + 1] ?? certificate, crls, at))
  return {
    revoked: found.find(({ revoked }) => revoked !== null)?.revoked ?? null,
    unknown: found.find(({ unknown }) => unknown !== null)?.unknown ?? null,
  }
}

function statusOf(certificate: Certificate, issuer: Certificate, crls: readonly Crl[], at: Date): RevocationStatus {
  const own = crls.filter((crl) => crl.issuer.equals(issuer.subject))
  if (own.length === 0) return { revoked: null, unknown: `there is no revocation list of ${issuer.name}` }
  const faults: string[] = []
  let current = false
  for (const crl of own) {
    const broken = checkCrl(crl, issuer, at).filter(({ ok }) => !ok)
    const isGenuine = broken.every(({ name }) => name === 'crl-window')
    const { ok, why } = checkRevocation(crl, certificate)
    // Revoked stays revoked: an old list says that as well as a new one.
    if (isGenuine && !ok) return { revoked: why, unknown: null }
    if (broken.length === 0) current = true
    faults.push(...broken.map((one) => one.why))
  }
  return { revoked: null, unknown: current ? null : (faults[0] ?? null) }
}
