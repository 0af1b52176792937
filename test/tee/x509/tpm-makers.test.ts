import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { judgeMakerCertificate } from '../../../src/tee/verify/tpm/maker-chain.ts'
import { Steps } from '../../../src/tee/verify/steps.ts'
import { parseCertificate } from '../../../src/tee/verify/x509/certificate.ts'
import { checkChain } from '../../../src/tee/verify/x509/chain.ts'
import { scratch } from '../../support/ports.ts'
import { vector, withPeers } from '../../support/peers.ts'

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

/** SYNTHETIC maker by openssl: what it signs and how it names the key. */
function openssl(folderOf: string, ...args: string[]): Buffer {
  return execFileSync('openssl', args, { cwd: folderOf, stdio: ['ignore', 'pipe', 'pipe'] })
}

withPeers(
  ['openssl'],
  'RSA makers: PKCS#1 chains hold, with each hash but SHA-1; a changed byte breaks them',
  async () => {
    const here = scratch('maker')
    const root = [
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '30',
      '-subj',
      '/CN=Maker',
    ]
    for (const hash of ['sha256', 'sha384', 'sha512', 'sha1']) {
      openssl(here, 'req', ...root, `-${hash}`, '-addext', 'keyUsage=critical,keyCertSign')
      openssl(here, 'req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ek.key', '-out', 'ek.csr', '-subj', '/CN=TPM')
      openssl(
        here,
        'x509',
        '-req',
        '-in',
        'ek.csr',
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-out',
        'ek.pem',
        `-${hash}`,
        '-days',
        '30',
        '-set_serial',
        '5',
        '-extfile',
        extensions(here),
      )
      const [leaf, ca] = ['ek.pem', 'ca.pem'].map(
        (name) => new X509Certificate(readFileSync(join(here, name))).raw,
      ) as [Buffer, Buffer]
      if (hash === 'sha1') {
        expect(() => parseCertificate(leaf, 'ek', 'tpm')).toThrow('is signed by algorithm 1.2.840.113549.1.1.5')
        continue
      }
      const chain = [parseCertificate(leaf, 'ek', 'tpm'), parseCertificate(ca, 'root', 'tpm')]
      const rules = { roots: new Set([chain[1]!.fingerprint]), at: new Date() }
      expect(checkChain(chain, rules).filter(({ ok }) => !ok)).toEqual([])
      const broken = Buffer.from(leaf)
      broken[broken.length - 1] = broken[broken.length - 1]! ^ 1
      const failed = checkChain([parseCertificate(broken, 'ek', 'tpm'), chain[1]!], rules).filter(({ ok }) => !ok)
      expect(failed.map(({ name }) => name)).toEqual(['chain-signatures'])
    }
  },
  60_000,
)

function extensions(here: string): string {
  const path = join(here, 'ext.cnf')
  execFileSync('sh', ['-c', `echo 'basicConstraints=critical,CA:FALSE' > ext.cnf`], { cwd: here })
  return path
}

withPeers(['openssl'], 'an endorsement key that its maker calls an OAEP key is that RSA key', async () => {
  const here = scratch('oaep')
  openssl(
    here,
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'k',
    '-out',
    'c.pem',
    '-days',
    '3',
    '-subj',
    '/CN=TPM',
  )
  const der = new X509Certificate(readFileSync(join(here, 'c.pem'))).raw
  const wanted = parseCertificate(der, 'c', 'tpm').key
  const rsa = Buffer.from('06092a864886f70d010101', 'hex')
  const at = der.indexOf(rsa)
  expect(at).toBeGreaterThan(0)
  const changed = Buffer.from(der)
  changed[at + rsa.length - 1] = 7
  // The signature is broken by that, which no reading of it asks for.
  expect(parseCertificate(changed, 'c', 'tpm').key.equals(wanted)).toBe(true)
})
