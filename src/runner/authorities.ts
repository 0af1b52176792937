import { readNamedFile } from '../base/files.ts'
import { InputError } from '../base/errors.ts'

/** One PEM certificate. */
const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Takes the certificates of a file as authorities, beside those that this process trusts already.
 *
 * @param path PEM, as `SSL_CERT_FILE` names it
 * @throws InputError `file-missing`, `file-invalid`
 */
export async function trustFile(path: string): Promise<void> {
  const { getCACertificates, setDefaultCACertificates } = await import('node:tls')
  const remedy = 'Name a readable PEM file of certificates in SSL_CERT_FILE, or unset it.'
  const text = (await readNamedFile(path, 'SSL_CERT_FILE', { remedy })).toString('latin1')
  try {
    const found = text.match(certificate) ?? []
    if (found.length === 0) throw new Error('it holds no certificate')
    setDefaultCACertificates([...getCACertificates('default'), ...found])
  } catch (cause) {
    throw new InputError('file-invalid', `SSL_CERT_FILE: "${path}" is not a file of PEM certificates`, {
      subject: 'SSL_CERT_FILE',
      cause,
      remedy,
    })
  }
}
