import type { Ports } from '../../base/ports.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { verifySignerPath } from '../../sign/certificate/chain.ts'
import { verifyCertificateTimestamps } from '../../sign/certificate/sct.ts'
import type { TrustedRoot } from '../../sign/trusted-root.ts'
import { matchIdentity, readIdentity, type CertificateIdentity, type IdentityRule } from '../identity.ts'
import { requestCertificate, type KeylessKey } from './certificate.ts'

export interface CertificateHolder {
  readonly identity: CertificateIdentity
  /** Accepts the certificates of this holder, and no other name or issuer. */
  readonly rule: IdentityRule
  /** The key to sign with now. A certificate that is near its end is replaced first, with a key of its own. */
  key(): Promise<KeylessKey>
}

/** Fulcio's certificates are good for 10 minutes. A log and a time stamp authority may each take half a minute to answer, and are asked again. */
const spareMs = 120_000

/**
 * Holds one certificate for all signatures of a run, and gets the next one before it ends.
 *
 * @param token gives an identity token; asked once for each certificate
 * @throws TransportError `sigstore-error`; VerificationError `certificate-invalid` for a certificate that the trusted root does not vouch for, or that
 *   no trusted log promised to show; `identity-mismatch` for one of another issuer than the token's, or for another name than the first one
 */
export async function certificateHolder(
  { authority, root, token }: { authority: URL; root: TrustedRoot; token: () => Promise<string> },
  ports: Ports,
): Promise<CertificateHolder> {
  const request = async (): Promise<KeylessKey> => {
    const issued = await requestCertificate(authority, await token(), ports)
    checkIssued(issued.certificate, root)
    return issued
  }
  const first = await request()
  const identity = readIdentity(first.certificate)
  const issuer = first.issuers.find((one) => one === identity.issuer) ?? first.issuers[0]
  const rule: IdentityRule = { name: 'self', issuer, san: { exact: identity.san.value }, claims: {} }
  matchIdentity(identity, [rule])
  const renewed = async (): Promise<KeylessKey> => {
    const issued = await request()
    matchIdentity(readIdentity(issued.certificate), [rule])
    return issued
  }
  let current: Promise<KeylessKey> = Promise.resolve(first)
  return {
    identity,
    rule,
    key: () => {
      // One after the other: signatures that are made side by side share the new certificate.
      current = current.then((key) => {
        const leftMs = key.certificate.notAfter.getTime() - ports.clock.now().getTime()
        return leftMs > spareMs ? key : renewed()
      })
      return current
    },
  }
}

/** At the beginning of its validity, whatever this machine's clock says: how long it holds is judged by the time stamps of its signatures. */
function checkIssued(certificate: Certificate, root: TrustedRoot): void {
  const { issuer } = verifySignerPath(certificate, [], root.certificateAuthorities, certificate.notBefore)
  verifyCertificateTimestamps(certificate, issuer, root.ctlogs)
}
