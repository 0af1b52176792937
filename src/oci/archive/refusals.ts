import { InputError, VerificationError } from '../../base/errors.ts'

/** Refusal of an archive that is not what its parts say. */
export function invalid(why: string, cause?: unknown): VerificationError {
  return new VerificationError('format-invalid', `the archive cannot be read: ${why}`, {
    subject: 'archive',
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
