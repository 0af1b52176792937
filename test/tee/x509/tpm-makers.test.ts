import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDer } from '../../../src/encoding/der.ts'
import { judgeMakerCertificate } from '../../../src/tee/verify/tpm/maker-chain.ts'
import { Steps } from '../../../src/tee/verify/steps.ts'
import { parseCertificate } from '../../../src/encoding/x509/certificate.ts'
import { checkChain } from '../../../src/encoding/x509/chain.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { bits, oid, sequence } from '../../../src/encoding/der-write.ts'
import { makeCertificate, makeKey, type CertificateOptions } from '../../../testkit/tee/pki/pki.ts'

const folder = 'tee/tpm/go-tpm-tools/certificates'

withPeers(
  [`vectors:${folder}`],
  'certificates that Google put into virtual TPMs are read, and only as a TPM’s',
  async () => {
    const names = readdirSync(vector(folder))
    expect(names).toHaveLength(8)
    for (const name of names) {
      const der = new X509Certificate(readFileSync(join(vector(folder), name))).raw
      expect(parseCertificate(der, name, 'tpm').algorithm).toBe('rsa-sha256')
      // In AMD's or Intel's chain this way of signing is a fault.
      expect(() => parseCertificate(der, name)).toThrow(expect.objectContaining({ code: 'format-invalid' }))
      const steps = new Steps()
      const kind = name.includes('_sign_') ? 'ak-certificate' : 'ek-certificate'
      const judged = judgeMakerCertificate(kind, () => der, { roots: [], authorities: [], at: new Date() }, steps)
      expect(steps.checks.filter(({ ok }) => !ok)).toEqual([])
      expect(judged?.trusted).toBe(false)
      // Self-made, to be pinned: it stands under no root.
      const makers = { roots: [der], authorities: [], at: new Date() }
      expect(judgeMakerCertificate(kind, () => der, makers, new Steps())?.trusted).toBe(false)
    }
  },
)

const oids = {
  sha1: '1.2.840.113549.1.1.5',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
} as const
const [maker, tpm] = [makeKey('rsa'), makeKey('rsa')]

/** SYNTHETIC: a certificate of the test PKI, signed anew by PKCS#1 v1.5. */
function pkcs1(
  hash: keyof typeof oids,
  options: CertificateOptions,
  parameters: Buffer[] = [Buffer.from([5, 0])],
): Buffer {
  const algorithm = sequence(oid(oids[hash]), ...parameters)
  const signed = readDer(makeCertificate({ ...options, algorithm }), 'certificate').children[0]!.bytes
  return sequence(signed, algorithm, bits(sign(hash, signed, options.by.privateKey)))
}

describe('RSA makers sign by PKCS#1 v1.5', () => {
  const root: CertificateOptions = { subject: 'Maker', issuer: 'Maker', key: maker, by: maker, ca: { pathLength: 0 } }
  const leaf: CertificateOptions = { subject: 'TPM', issuer: 'Maker', key: tpm, by: maker, usage: 0x20 }
  const check = (ek: Buffer, ca: Buffer): string[] => {
    const chain = [parseCertificate(ek, 'ek', 'tpm'), parseCertificate(ca, 'root', 'tpm')]
    const rules = { roots: new Set([chain[1]!.fingerprint]), at: new Date() }
    return checkChain(chain, rules).flatMap(({ ok, name }) => (ok ? [] : [name]))
  }

  test.each(['sha256', 'sha384', 'sha512'] as const)(
    'with %s; a changed byte, another key or hash breaks it',
    (hash) => {
      const [ek, ca] = [pkcs1(hash, leaf), pkcs1(hash, root)]
      expect(check(ek, ca)).toEqual([])
      const broken = Buffer.from(ek)
      broken[broken.length - 1] = broken[broken.length - 1]! ^ 1
      expect(check(broken, ca)).toEqual(['chain-signatures'])
      expect(check(pkcs1(hash, { ...leaf, by: tpm }), ca)).toEqual(['chain-signatures'])
      const other = hash === 'sha256' ? 'sha512' : 'sha256'
      const mixed = Buffer.from(ek)
      const [from, to] = [oid(oids[hash]), oid(oids[other])]
      for (let at = mixed.indexOf(from); at >= 0; at = mixed.indexOf(from)) to.copy(mixed, at)
      expect(check(mixed, ca)).toEqual(['chain-signatures'])
    },
  )

  test('never with SHA-1, without or with other parameters, or a short key', () => {
    expect(() => parseCertificate(pkcs1('sha1', leaf), 'ek', 'tpm')).toThrow(`is signed by algorithm ${oids.sha1}`)
    expect(() => parseCertificate(pkcs1('sha256', leaf, []), 'ek', 'tpm')).toThrow('lacks NULL parameters')
    const odd = [Buffer.from([5, 1, 0])]
    expect(() => parseCertificate(pkcs1('sha256', leaf, odd), 'ek', 'tpm')).toThrow('NULL with content')
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const weak = { ...root, key: short, by: short }
    expect(check(pkcs1('sha256', { ...leaf, by: short }), pkcs1('sha256', weak))).toEqual(['chain-signatures'])
  })

  test('an endorsement key that its maker calls an OAEP key is that RSA key', () => {
    const der = pkcs1('sha256', leaf)
    const plain = oid('1.2.840.113549.1.1.1')
    const changed = Buffer.from(der)
    oid('1.2.840.113549.1.1.7').copy(changed, der.indexOf(plain))
    // The signature is broken by that, which reading does not ask for.
    expect(parseCertificate(changed, 'ek', 'tpm').key.equals(tpm.publicKey)).toBe(true)
  })
})
