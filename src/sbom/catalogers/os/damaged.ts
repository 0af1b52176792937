import { VerificationError } from '../../../base/errors.ts'

/** A package database is not what its own package manager would read. */
export function damaged(path: string, what: string): VerificationError {
  return new VerificationError('format-invalid', `${path} ${what}`, {
    subject: path,
    remedy: 'The package database of the image is damaged: build the image again.',
  })
}
