import { InputError } from '../../base/errors.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'

/** The inputs of a step, as far as they are read here. */
interface Texts {
  /** Empty where nothing was given. */
  text(name: string): string
}

/**
 * Refuses an input that the chosen mode would ignore: whoever gives it expects that it counts.
 *
 * @param remedy what to do with the input of that name
 * @throws InputError `input-invalid`
 */
export function requireNone(
  inputs: Texts,
  mode: string,
  names: readonly string[],
  remedy: (name: string) => string,
): void {
  const given = names.find((name) => inputs.text(name) !== '')
  if (given === undefined) return
  const message = `\`${mode}\` and \`${given}\` were both given`
  throw new InputError('input-invalid', message, { subject: given, remedy: remedy(given) })
}

/** Reads a digest that an input gives. @throws InputError `input-invalid` */
export function digestOf(subject: string, text: string): Digest {
  if (isDigest(text)) return text
  throw new InputError('input-invalid', `${subject}: ${JSON.stringify(text)} is not a digest`, {
    subject,
    remedy: `Write sha256: and 64 lower-case hex digits in \`${subject}\`.`,
  })
}
