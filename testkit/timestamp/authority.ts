import { generateKeyPairSync } from 'node:crypto'
import { der, oid, sequence } from '../../src/encoding/der-write.ts'
import { parseCertificate, type Certificate } from '../../src/encoding/x509/certificate.ts'
import { writePem } from '../../src/encoding/pem.ts'
import { makeCertificate, makeKey, type KeyPair, type TestExtension } from '../tee/pki/pki.ts'

export type SignerKind = 'rsa' | 'rsa-1024' | 'P-256' | 'P-384' | 'P-521' | 'K-256' | 'ed25519'

/** A SYNTHETIC time stamp authority: keys are made anew and belong to nobody. */
export interface TestAuthority {
  /** Signer and root, DER. */
  leaf: Buffer
  root: Buffer
  key: KeyPair
  rootKey: KeyPair
  /** Signer first, root last, as a reader pins them. */
  chain: Certificate[]
  /** The same in PEM. */
  pem: string
}

export interface AuthorityOptions {
  name?: string
  kind?: SignerKind
  from?: Date
  to?: Date
  /** Dotted OIDs of the signer's extended key usage; null for none. */
  purposes?: readonly string[] | null
  /** Whether that extension is critical. */
  critical?: boolean
  /** First octet of the signer's key usage. */
  usage?: number
  serial?: number
  /** A key that is also another one's. */
  key?: KeyPair
  /** Extended key usage of the root. */
  rootPurposes?: readonly string[]
}

export const timeStamping = '1.3.6.1.5.5.7.3.8'

/** A root and a signer below it; each option but the first two is a fault. */
export function makeAuthority(options: AuthorityOptions = {}): TestAuthority {
  const { name = 'Test TSA', kind = 'P-256', purposes = [timeStamping], critical = true, usage = 0x80 } = options
  const rootKey = makeKey('P-384')
  const key = options.key ?? signerKey(kind)
  const root = makeCertificate({
    subject: `${name} root`,
    issuer: `${name} root`,
    key: rootKey,
    by: rootKey,
    ca: { pathLength: null },
    extensions: options.rootPurposes === undefined ? [] : [purposeExtension(options.rootPurposes, false)],
  })
  const leaf = makeCertificate({
    subject: name,
    issuer: `${name} root`,
    key,
    by: rootKey,
    serial: options.serial ?? 2,
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.to === undefined ? {} : { to: options.to }),
    extensions: [
      { oid: '2.5.29.15', critical: true, value: der(0x03, Buffer.from([trailingZeros(usage), usage])) },
      ...(purposes === null ? [] : [purposeExtension(purposes, critical)]),
    ],
  })
  const chain = [leaf, root].map((bytes, i) =>
    parseCertificate(bytes, `${name} ${i === 0 ? 'signer' : 'root'}`, 'signer'),
  )
  return { leaf, root, key, rootKey, chain, pem: [leaf, root].map((bytes) => writePem('CERTIFICATE', bytes)).join('') }
}

function purposeExtension(purposes: readonly string[], critical: boolean): TestExtension {
  return { oid: '2.5.29.37', critical, value: sequence(...purposes.map(oid)) }
}

/** X.690 §11.2.2: a bit string of named bits ends with its last one. */
function trailingZeros(octet: number): number {
  return octet === 0 ? 0 : 31 - Math.clz32(octet & -octet)
}

function signerKey(kind: SignerKind): KeyPair {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519')
  if (kind === 'rsa-1024') return generateKeyPairSync('rsa', { modulusLength: 1024 })
  if (kind === 'P-521') return generateKeyPairSync('ec', { namedCurve: 'P-521' })
  if (kind === 'K-256') return generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  return makeKey(kind)
}
