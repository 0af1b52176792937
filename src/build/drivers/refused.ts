import { InputError, type TransportError } from '../../base/errors.ts'

/** What buildah refuses is the author's to mend. */
export function refused(cause: TransportError, hint: string): InputError {
  return new InputError('file-invalid', `buildah could not build this: ${cause.message}`, {
    subject: 'buildah',
    cause,
    remedy: `${hint}The lines above come from buildah itself.`,
  })
}
