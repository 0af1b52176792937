import { createPublicKey } from 'node:crypto'
import { InputError, VerificationError } from '../../base/errors.ts'
import { readPem } from '../../encoding/pem.ts'
import { parseCertificate, type Certificate } from '../../encoding/x509/certificate.ts'
import { coseSigner, type CoseSigner } from '../../sign/cose/write.ts'
import { checkSignerChain } from '../../sign/notation/write.ts'
import { openPrivateKey } from '../../sign/keys.ts'
import type { SignRequest } from './request.ts'

/** The key of the request as a signer of COSE, with its certificates if it has some. */
export interface CertifiedKey {
  signer: CoseSigner
  /** Leaf first; null for a key without certificates. */
  chain: Certificate[] | null
}

const mostCertificates = 10

/**
 * Opens the key for the consumers that read COSE and JWS; null where none of them is served. An agent signs its own statements only, never an
 * envelope of others, so these need a key.
 *
 * @throws InputError `input-missing` for a missing key or certificate, `input-invalid` for a certificate that nobody reads, `file-invalid` for one that does not fit
 */
export async function openCertifiedKey({ key, certificate, consumers }: SignRequest): Promise<CertifiedKey | null> {
  const served = consumers.filter((name) => name === 'notation' || name === 'scitt')
  if (served.length === 0 && certificate === null) return null
  // Ignoring it would leave the reader with signatures that no certificate vouches for.
  if (served.length === 0)
    throw new InputError('input-invalid', '`certificate` is set, but no consumer reads it', {
      subject: 'certificate',
      remedy: 'Add notation or scitt to `consumers`, or leave `certificate` out.',
    })
  if (key === null)
    throw new InputError('input-missing', `consumers: ${served.join(' and ')} need a key`, {
      subject: 'key',
      remedy: 'Set `signer: key` and `key`, or leave these consumers out.',
    })
  if (certificate === null && served.includes('notation'))
    throw new InputError('input-missing', 'consumers: notation needs the certificates of the key', {
      subject: 'certificate',
      remedy: 'Set `certificate` to a PEM file: the leaf first, the self-signed root last.',
    })
  // COSE signs by the hash of the key's size, RSA by PSS: a token or program that signs as cosign does gives neither.
  if (key.kind !== 'pem')
    throw new InputError('unsupported', `consumers: ${served.join(' and ')} need \`signer: key\``, {
      subject: 'consumers',
      remedy: 'Set `signer: key` and `key`, or leave these consumers out.',
    })
  const opened = await openPrivateKey(key.text, key.passwords)
  const publicKey = createPublicKey(opened)
  const chain = certificate === null ? null : readChain(certificate)
  if (chain !== null && chain[0]?.key.equals(publicKey) !== true)
    throw new InputError('file-invalid', 'the first certificate belongs to another key', {
      subject: 'certificate',
      remedy: 'Give the certificates of key, the leaf first.',
    })
  const signer = coseSigner(opened, publicKey)
  // Checked before anything is published: a half-signed image would be left behind.
  if (chain !== null && served.includes('notation')) checkSignerChain(chain, signer)
  return { signer, chain }
}

function readChain(pem: string): Certificate[] {
  try {
    const blocks = readPem(pem, 'certificate').filter(({ label }) => label === 'CERTIFICATE')
    if (blocks.length > 0 && blocks.length <= mostCertificates)
      return blocks.map(({ bytes }, n) => parseCertificate(bytes, `certificate ${n + 1}`, 'signer'))
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw new InputError('file-invalid', cause.message, { subject: 'certificate', cause, remedy: 'Give a PEM file.' })
  }
  throw new InputError('file-invalid', `certificate: expected 1 to ${mostCertificates} PEM certificates`, {
    subject: 'certificate',
    remedy: 'Give the certificates of key, the leaf first, the self-signed root last.',
  })
}
