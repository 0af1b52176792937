import type { Certificate } from '../../encoding/x509/certificate.ts'
import { extendedKeyUsageOid, purposes, readExtendedKeyUsage, readKeyUsage } from '../../encoding/x509/usage.ts'

/**
 * Why a certificate's key is not for time stamps; null where it is: RFC 3161 §2.3 wants the purpose critical and alone.
 *
 * @throws VerificationError `format-invalid` for a malformed extension
 */
export function purposeFault(certificate: Certificate): string | null {
  const { name, extensions } = certificate
  const named = readExtendedKeyUsage(certificate)
  if (named === null) return `${name} has no extended key usage`
  if (extensions.get(extendedKeyUsageOid)?.critical !== true) return `the extended key usage of ${name} is not critical`
  if (named.length !== 1 || named[0] !== purposes.timeStamping)
    return `${name} is for ${named.join(', ')}, not for time stamps alone`
  return usageFault(certificate)
}

/**
 * Why an authority above may not vouch for time stamps; null where it may. A purpose that it names limits what is below it.
 *
 * @throws VerificationError `format-invalid` for a malformed extension
 */
export function authorityFault(certificate: Certificate): string | null {
  const named = readExtendedKeyUsage(certificate)
  return named === null || named.includes(purposes.timeStamping) || named.includes(purposes.any)
    ? null
    : `${certificate.name} vouches for ${named.join(', ')}, not for time stamps`
}

/** Key usage, where it is stated, holds digitalSignature or contentCommitment (RFC 5280 §4.2.1.3). */
function usageFault(certificate: Certificate): string | null {
  const usage = readKeyUsage(certificate)
  return usage === null || usage.has('digitalSignature') || usage.has('nonRepudiation')
    ? null
    : `the key of ${certificate.name} may not sign`
}
