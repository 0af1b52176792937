import { InputError } from '../base/errors.ts'
import { isDigest } from './digest.ts'
import type { Digest } from './types.ts'

const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?'
const host = `(?:${label}(?:\\.${label})*|\\[[0-9A-Fa-f:.]{2,45}\\])`
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const repository = `${component}(?:/${component})*`
const tag = '[A-Za-z0-9_][A-Za-z0-9._-]{0,127}'

/** Grammars of parts of a reference (distribution-spec 1.1; docker's reference grammar for hosts). */
export const forms = {
  tag: new RegExp(`^${tag}$`),
  /** With the port as first group. */
  host: new RegExp(`^${host}(?::([0-9]{1,5}))?$`),
  repository: new RegExp(`^${repository}$`),
  /** `[HOST[:PORT]/]NAME[:TAG]`, with the tag as first group. */
  name: new RegExp(`^(?:${host}(?::[0-9]{1,5})?/)?${repository}(?::(${tag}))?$`),
} as const

/** The forms of a reference, for the end of a message. */
export const referenceForms =
  'oci:DIR[:TAG][@DIGEST], HOST[:PORT]/NAME[:TAG][@DIGEST], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], containers-storage:NAME or docker-daemon:NAME'

export const folderRemedy =
  "Names of folders and files with ':' or '@' cannot be written in a reference: use another one."

/** Cuts off `@DIGEST`. @param path what stands before it, where that is a path */
export function cutDigest(
  body: string,
  text: string,
  path?: 'directory' | 'file',
): { head: string; digest: Digest | undefined } {
  const at = body.indexOf('@')
  if (at < 0) return { head: body, digest: undefined }
  const digest = body.slice(at + 1)
  if (isDigest(digest)) return { head: body.slice(0, at), digest }
  if (path !== undefined && !/^[a-z0-9]+:/.test(digest))
    throw refuse(text, `names a ${path} with '@' in it`, folderRemedy)
  throw refuse(
    text,
    `has no valid digest after '@' (${JSON.stringify(digest)})`,
    'A digest is sha256: and 64, sha384: and 96 or sha512: and 128 lower-case hex digits.',
  )
}

export function checkTag(tag: string | undefined, text: string): string | undefined {
  if (tag === undefined || forms.tag.test(tag)) return tag
  throw refuse(
    text,
    `has no valid tag (${JSON.stringify(tag)})`,
    'A tag is up to 128 letters, digits, dots, dashes and underscores.',
  )
}

export function refuse(text: string, why: string, remedy = `Write ${referenceForms}.`): InputError {
  return new InputError('reference-invalid', `the reference ${JSON.stringify(text)} ${why}`, { subject: text, remedy })
}
