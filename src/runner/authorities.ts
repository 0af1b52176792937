import { readNamedFile } from '../base/files.ts'
import { InputError, messageOf } from '../base/errors.ts'
import { certificatesIn } from '../encoding/pem-certificates.ts'

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
    setDefaultCACertificates([...getCACertificates('default'), ...certificatesIn(text)])
  } catch (cause) {
    throw new InputError(
      'file-invalid',
      `SSL_CERT_FILE: "${path}" is not a file of PEM certificates: ${messageOf(cause)}`,
      {
        subject: 'SSL_CERT_FILE',
        cause,
        remedy,
      },
    )
  }
}
