import { writePem } from '../../../src/encoding/pem.ts'
import { der, oid, sequence } from '../../../src/encoding/der-write.ts'
import { parseCertificate, type Certificate } from '../../../src/encoding/x509/certificate.ts'
import { coseSigner, type CoseSigner } from '../../../src/sign/cose/write.ts'
import {
  makeCertificate,
  makeCrl,
  makeKey,
  type CertificateOptions,
  type CrlOptions,
} from '../../../testkit/tee/pki/pki.ts'

/** A signer with certificates, made anew. */
export interface CertifiedSigner {
  /** Leaf first. */
  chain: Certificate[]
  signer: CoseSigner
  keyPem: string
  chainPem: string
  /** Revocation list of the root in DER; the leaf's serial number is 2. */
  crl: (change?: Partial<CrlOptions>) => Buffer
}

/** Country, state and organisation, which trust policies of Notation must name. */
const place = [
  ['2.5.4.6', 'US'],
  ['2.5.4.8', 'WA'],
  ['2.5.4.10', 'Sealwright tests'],
] as const

export const purposes = (...oids: readonly string[]): NonNullable<CertificateOptions['extensions']>[number] => ({
  oid: '2.5.29.37',
  value: sequence(...oids.map((one) => oid(one))),
})
export const codeSigning = '1.3.6.1.5.5.7.3.3'

/** Leaf and root. @param leaf what the leaf has otherwise; @param root what the root has otherwise */
export function certified(
  kind: 'rsa' | 'P-256' | 'P-384' = 'P-256',
  leaf: Partial<CertificateOptions> = {},
  root: Partial<CertificateOptions> = {},
): CertifiedSigner {
  const rootKey = makeKey('P-256')
  const key = makeKey(kind)
  const common = { place, from: new Date('2024-01-01T00:00:00Z'), to: new Date('2040-01-01T00:00:00Z') }
  const rootDer = makeCertificate({
    ...common,
    subject: 'Root',
    issuer: 'Root',
    key: rootKey,
    by: rootKey,
    ca: { pathLength: null },
    usage: 0x06,
    ...root,
  })
  const leafDer = makeCertificate({
    ...common,
    subject: 'Signer',
    issuer: 'Root',
    key,
    by: rootKey,
    serial: 2,
    usage: 0x80,
    extensions: [purposes(codeSigning)],
    ...leaf,
  })
  const used = leaf.key ?? key
  return {
    chain: [leafDer, rootDer].map((bytes, n) => parseCertificate(bytes, `certificate ${n}`, 'signer')),
    signer: coseSigner(used.privateKey, used.publicKey),
    keyPem: used.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    crl: (change = {}) => makeCrl({ issuer: 'Root', place, by: rootKey, ...change }),
    chainPem: [leafDer, rootDer].map((bytes) => writePem('CERTIFICATE', bytes)).join(''),
  }
}

/** A key usage with bits that `usage` cannot say. */
export function keyUsage(
  critical: boolean,
  ...octets: number[]
): NonNullable<CertificateOptions['extensions']>[number] {
  return { oid: '2.5.29.15', critical, value: der(0x03, Buffer.from([0, ...octets])) }
}
