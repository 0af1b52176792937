import { InputError, VerificationError } from './errors.ts'

/**
 * Reads a file that the user pins. It is an input: what is wrong with it says nothing about the artifact that is judged by it.
 *
 * @param name of the option or input
 * @throws InputError `file-invalid` in place of a VerificationError
 */
export function asInput<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw new InputError('file-invalid', `${name}: ${cause.message}`, {
      subject: name,
      cause,
      remedy: cause.remedy ?? 'Give the file as its maker wrote it.',
    })
  }
}
