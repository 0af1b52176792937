import { InputError, VerificationError } from '../../base/errors.ts'

/** What refusals of an archive and of its tar reader are about, before the file is known. */
const unnamedArchive = 'the archive'

/** A refusal of {@link invalid} or of the tar reader names the archive, once that is known; any other error stays. @param path of the archive */
export function ofArchive(error: unknown, path: string): unknown {
  if (!(error instanceof VerificationError) || error.subject !== unnamedArchive) return error
  const { code, message, remedy } = error
  const named = message.replace('the archive', () => `the archive ${path}`)
  return new VerificationError(code, named, { subject: path, remedy, cause: error })
}

/** Refusal of an archive that is not what its parts say. */
export function invalid(why: string, cause?: unknown): VerificationError {
  return new VerificationError('format-invalid', `the archive cannot be read: ${why}`, {
    subject: unnamedArchive,
    cause,
    remedy: 'Save the image again, with skopeo copy or docker save.',
  })
}

/** Refusal to write to a store that is only read. @param name `docker-archive:/abs/file` */
export function readOnly(name: string): InputError {
  return new InputError('unsupported', `${name} is only read: nothing can be written there`, {
    subject: name,
    remedy: 'Name another place in `output` (or `to`): oci:DIR, oci-archive:FILE or HOST/NAME.',
  })
}
