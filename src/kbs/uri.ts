import { InputError } from '../base/errors.ts'
import { isPrivateUrl } from '../base/loopback.ts'

const segment = '[A-Za-z0-9_-][A-Za-z0-9_.-]*'
/** `kbs:///repo/type/tag`, with the three segments as groups. */
export const kbsUriForm = new RegExp(`^kbs:///(${segment})/(${segment})/(${segment})$`)

/** The three segments of a KBS resource. */
export type ResourcePath = readonly [repository: string, type: string, tag: string]

/** Reads `kbs:///repo/type/tag`. @throws InputError `input-invalid` */
export function parseKbsUri(uri: string): ResourcePath {
  const [, repository, type, tag] = kbsUriForm.exec(uri) ?? []
  if (repository !== undefined && type !== undefined && tag !== undefined) return [repository, type, tag]
  throw new InputError('input-invalid', `${JSON.stringify(uri)} is no kbs:///repo/type/tag`, {
    subject: uri,
    remedy: 'Write three segments of letters, digits, dots, dashes and underscores, without a host.',
  })
}

/** Checks the base URL of a KBS: https, or http on loopback. @returns it without a slash at the end */
export function checkKbsUrl(text: string, subject: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && isPrivateUrl(text) && url.search === '' && url.username === '')
    return url.href.replace(/\/+$/, '')
  throw new InputError('input-invalid', `${subject}: ${text} is no https URL of a KBS`, {
    subject,
    remedy: 'Write https://HOST[:PORT], http:// on loopback, or embedded:DIR.',
  })
}
