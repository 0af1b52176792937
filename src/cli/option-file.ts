import type { RawInputs } from '../doors/context.ts'
import { InputError } from '../base/errors.ts'
import { readNamedFile } from '../base/files.ts'

/** Content of the file that an option names. @throws InputError `file-missing` */
export async function optionFile(inputs: RawInputs, name: string): Promise<Buffer> {
  return namedFile(inputs.path(name), name)
}

/**
 * The same for one of the files that a repeatable option names.
 *
 * @param shown what the message calls it
 * @throws InputError `file-missing`
 */
export async function namedFile(path: string, name: string, shown: string = `--${name}`): Promise<Buffer> {
  return readNamedFile(path, name, { remedy: 'Name a file that this user can read.', shown })
}

export function missingFile(path: string, name: string, cause: unknown): InputError {
  return new InputError('file-missing', `${path} cannot be read`, {
    subject: name,
    cause,
    remedy: 'Name a file that this user can read.',
  })
}
