import { InputError } from '../../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'

/** Longest text that is taken from a report: an id, a package URL, a version. */
const longest = 2048
/** Findings, tests or statements of one claim. Readers of claims have the same bound, so what is signed is also read. */
export const mostEntries = 100_000

/** The text of a member; null where it is absent, empty or not a text. @throws InputError for one that is too long */
export function optionalText(object: JsonObject, name: string, format: string): string | null {
  const value = object[name]
  if (typeof value !== 'string' || value === '') return null
  if (value.length > longest) throw notA(format, `"${name}" has more than ${longest} characters`)
  return value
}

/** The text of a member that the format requires. @throws InputError `file-invalid` */
export function requiredText(object: JsonObject, name: string, format: string): string {
  const value = optionalText(object, name, format)
  if (value === null) throw notA(format, `"${name}" is missing`)
  return value
}

/** The objects of a list; absent means none. @throws InputError `file-invalid` for anything else */
export function objectsOf(value: JsonValue | undefined, name: string, format: string): JsonObject[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw notA(format, `"${name}" is not a list`)
  if (value.length > mostEntries) throw tooMany(format, value.length, `entries in "${name}"`)
  return value.map((item) => {
    if (!isObject(item)) throw notA(format, `"${name}" has an entry that is not an object`)
    return item
  })
}

/** A member that is an object; an empty one where it is absent. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {}
}

/** The texts of a list; anything else in it is left out. */
export function textsOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === 'string' && item !== '' && item.length <= longest)
    : []
}

const timeForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/

/** A time as the report writes it. @throws InputError `file-invalid` for one that is not RFC 3339 */
export function timeOf(text: string, name: string, format: string): string {
  if (!timeForm.test(text) || Number.isNaN(Date.parse(text)))
    throw notA(format, `"${name}" is ${JSON.stringify(text.slice(0, 40))}, which is not an RFC 3339 time`)
  return text
}

/** `sha256:…` digests in some texts: a digest alone, or behind the `@` of a reference. */
export function digestsIn(texts: readonly (string | null)[]): string[] {
  const found = texts.flatMap((text) => /(?:^|@)(sha256:[0-9a-f]{64})$/.exec(text ?? '')?.[1] ?? [])
  return [...new Set(found)]
}

/**
 * The same for texts by which a report names its image.
 *
 * @throws InputError `file-invalid` for a digest that is none: ignoring it would let the report count for any image
 */
export function imageDigests(texts: readonly (string | null)[], format: string): string[] {
  const bad = texts.find((text) => /(?:^|@)sha256:/.test(text ?? '') && digestsIn([text]).length === 0)
  if (typeof bad === 'string')
    throw notA(format, `it names its image by ${JSON.stringify(bad.slice(0, 80))}, which has no valid digest`)
  return digestsIn(texts)
}

export function notA(format: string, why: string): InputError {
  return new InputError('file-invalid', `the ${format} report cannot be used: ${why}`, {
    subject: 'claims',
    remedy: 'Give the report as the tool wrote it, as JSON (JUnit: as XML).',
  })
}

/** @param what entries of that kind: `findings` */
export function tooMany(format: string, found: number, what: string): InputError {
  return new InputError(
    'file-invalid',
    `the ${format} report cannot be used: a claim may have up to ${mostEntries} ${what}, and this report has ${found}`,
    {
      subject: 'claims',
      remedy:
        'Have the tool report less, as what is below the severity that the policy limits (trivy: --severity), and sign that report.',
    },
  )
}
