import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, VerificationError } from '../../base/errors.ts'
import { readPlainFile } from '../../base/files.ts'
import { readPem } from '../../encoding/pem.ts'
import { parseCrl, type Crl } from '../../encoding/x509/crl.ts'

const most = { files: 256, bytes: 2 << 20 } as const

/**
 * Reads revocation lists from a file, or from the files of a folder: DER, or PEM blocks `X509 CRL`. Names that begin with a dot are passed over.
 *
 * @param path absolute
 * @throws InputError `file-missing`, `file-invalid`
 */
export async function readCrlFiles(path: string): Promise<Crl[]> {
  const lists: Crl[] = []
  for (const file of await filesAt(path)) {
    const bytes = await readPlainFile(file, most.bytes)
    if (bytes === null) throw missing(file)
    try {
      for (const der of blocksOf(bytes, file)) lists.push(parseCrl(der, file, 'signer'))
    } catch (cause) {
      if (!(cause instanceof VerificationError)) throw cause
      throw new InputError('file-invalid', `${file} is not a revocation list: ${cause.message}`, {
        subject: file,
        cause,
        remedy: 'Give certificate revocation lists as DER, or as PEM blocks "X509 CRL".',
      })
    }
  }
  return lists
}

async function filesAt(path: string): Promise<string[]> {
  const status = await lstat(path).catch((cause: unknown) => {
    throw missing(path, cause)
  })
  if (!status.isDirectory()) return [path]
  const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort()
  if (names.length <= most.files) return names.map((name) => join(path, name))
  throw new InputError('file-invalid', `${path} holds more than ${most.files} files`, {
    subject: path,
    remedy: 'Name a folder with revocation lists only.',
  })
}

function blocksOf(bytes: Buffer, file: string): Buffer[] {
  if (!bytes.subarray(0, 4096).includes('-----BEGIN')) return [bytes]
  const blocks = readPem(bytes.toString('utf8'), file)
  if (blocks.length > 0 && blocks.every(({ label }) => label === 'X509 CRL'))
    return blocks.map((block) => Buffer.from(block.bytes))
  throw new VerificationError('format-invalid', `${file} has PEM blocks of another kind`, { subject: file })
}

function missing(path: string, cause?: unknown): InputError {
  return new InputError('file-missing', `${path}, named by the policy, cannot be read`, {
    subject: path,
    cause,
    remedy: 'Give a revocation list, or a folder of them.',
  })
}
