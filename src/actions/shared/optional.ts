import { InputError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import { useOneOf } from '../../base/nearest.ts'
import { digestInput } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'
import type { RawInputs } from '../../doors/context.ts'

/** Text of an input; null where nothing was given. */
export function optionalText(raw: RawInputs, name: string): string | null {
  return raw.text(name) || null
}

/** What `parse` reads from an input's text; null where nothing was given. @throws whatever `parse` throws */
export function optional<T>(raw: RawInputs, name: string, parse: (text: string) => T): T | null {
  const text = raw.text(name)
  return text === '' ? null : parse(text)
}

/** Absolute path; null where nothing was given. @throws InputError `input-invalid` for one that leaves the workspace */
export function optionalPath(raw: RawInputs, name: string): string | null {
  return raw.text(name) === '' ? null : raw.path(name)
}

/** Digest; null where nothing was given. @throws InputError `input-invalid` */
export function optionalDigest(raw: RawInputs, name: string): Digest | null {
  return optional(raw, name, (text) => digestInput(name, text))
}

/**
 * Content of the file that an input names; null where nothing was given.
 *
 * @param remedy what to give instead of a file that cannot be read
 * @throws InputError `file-missing` that names the path
 */
export async function optionalFile(raw: RawInputs, name: string, remedy?: string): Promise<Buffer | null> {
  return raw.text(name) === '' ? null : readNamedFile(raw.path(name), name, remedy === undefined ? {} : { remedy })
}

/**
 * The words of a list, each one of those that are allowed.
 *
 * @throws InputError `input-invalid` that names the nearest one
 */
export function wordList<T extends string>(raw: RawInputs, name: string, allowed: readonly T[]): T[] {
  return raw.list(name).map((item) => {
    const found = allowed.find((word) => word === item)
    if (found !== undefined) return found
    throw new InputError('input-invalid', `${name}: "${item}" is not one of the values`, {
      subject: name,
      remedy: useOneOf(item, allowed, 'some'),
    })
  })
}
