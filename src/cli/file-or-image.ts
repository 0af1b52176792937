import { InputError } from '../base/errors.ts'
import { parseReference } from '../oci/reference.ts'

/**
 * Refuses a word that names no file and cannot name an image: a misspelt path must not be answered with the grammar of registries alone.
 *
 * @param text the word, where no file of that name exists
 * @throws InputError `reference-invalid`
 */
export function requireImageName(text: string, cwd: string): void {
  try {
    parseReference(text, cwd)
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause
    throw new InputError('reference-invalid', `"${text}" is not a file that exists, and ${cause.message}`, {
      subject: text,
      cause,
      remedy: `Check the path of the file. An image is named by HOST/NAME[:TAG] or oci:DIR[:TAG].`,
    })
  }
}
