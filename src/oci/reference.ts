import { resolve } from 'node:path'
import { InputError } from '../base/errors.ts'
import { isDigest } from './digest.ts'
import type { Digest, Reference } from './types.ts'

const tagForm = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?'
const hostForm = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[0-9A-Fa-f:.]{2,45}\\])(?::([0-9]{1,5}))?$`)
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const repositoryForm = new RegExp(`^${component}(?:/${component})*$`)

/**
 * Reads a store reference: `oci:DIR[:TAG][@DIGEST]` or `HOST[:PORT]/NAME[:TAG][@DIGEST]` (INTERFACE §1).
 * The directory of a layout becomes absolute.
 *
 * @param cwd absolute directory that a relative DIR is resolved against
 * @throws InputError `reference-invalid`
 */
export function parseReference(text: string, cwd: string): Reference {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text)) throw refuse(text, 'holds a control character')
  return text.startsWith('oci:') ? parseLayout(text, cwd) : parseRegistry(text)
}

/** The text of a reference, with an absolute directory: what {@link parseReference} reads back. */
export function formatReference(ref: Reference): string {
  const tail = `${ref.tag === undefined ? '' : `:${ref.tag}`}${ref.digest === undefined ? '' : `@${ref.digest}`}`
  return `${storeName(ref)}${tail}`
}

/** A reference without the digest at its end. */
export function withoutDigest(reference: string): string {
  return reference.replace(/@sha(?:256|384|512):[0-9a-f]+$/, '')
}

/** `oci:/abs/dir` or `host[:port]/name`. */
export function storeName(ref: Reference): string {
  return ref.kind === 'layout' ? `oci:${ref.directory}` : `${ref.host}/${ref.repository}`
}

/** Whether text has the grammar of a tag (distribution-spec 1.1). */
export function isTag(text: string): boolean {
  return tagForm.test(text)
}

function parseLayout(text: string, cwd: string): Reference {
  const { head, digest } = cutDigest(text.slice('oci:'.length), text)
  const colon = head.indexOf(':')
  const dir = colon < 0 ? head : head.slice(0, colon)
  const tag = colon < 0 ? undefined : head.slice(colon + 1)
  if (dir === '') throw refuse(text, 'names no directory')
  if (tag?.includes(':') || tag?.includes('/')) throw refuse(text, "names a directory with ':' in it", folderRemedy)
  const directory = resolve(cwd, dir)
  if (/[:@]/.test(directory)) throw refuse(text, `lies in ${directory}, a path with ':' or '@' in it`, folderRemedy)
  return { kind: 'layout', directory, tag: checkTag(tag, text), digest }
}

function parseRegistry(text: string): Reference {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)
  if (scheme !== null) throw refuse(text, `begins with ${scheme[0]}`, 'Leave the scheme out: HOST/NAME:TAG.')
  const { head, digest } = cutDigest(text, text)
  const slash = head.indexOf('/')
  const host = slash < 0 ? '' : head.slice(0, slash)
  const port = hostForm.exec(host)
  if (port === null || !(/[.:[]/.test(host) || host === 'localhost')) {
    throw refuse(
      text,
      'names no registry host',
      'Write the host too, such as docker.io/library/debian, or oci:DIR for a layout.',
    )
  }
  if (port[1] !== undefined && (Number(port[1]) < 1 || Number(port[1]) > 65_535))
    throw refuse(text, `has no valid port`)
  const rest = head.slice(slash + 1)
  const colon = rest.indexOf(':')
  const repository = colon < 0 ? rest : rest.slice(0, colon)
  if (!repositoryForm.test(repository) || repository.length > 255) {
    throw refuse(
      text,
      `has no valid repository name (${JSON.stringify(repository)})`,
      'Names are lower-case, such as ghcr.io/owner/app.',
    )
  }
  return {
    kind: 'registry',
    host,
    repository,
    tag: checkTag(colon < 0 ? undefined : rest.slice(colon + 1), text),
    digest,
  }
}

function cutDigest(body: string, text: string): { head: string; digest: Digest | undefined } {
  const at = body.indexOf('@')
  if (at < 0) return { head: body, digest: undefined }
  const digest = body.slice(at + 1)
  if (isDigest(digest)) return { head: body.slice(0, at), digest }
  if (text.startsWith('oci:') && !/^[a-z0-9]+:/.test(digest))
    throw refuse(text, "names a directory with '@' in it", folderRemedy)
  throw refuse(
    text,
    `has no valid digest after '@' (${JSON.stringify(digest)})`,
    'A digest is sha256: and 64, sha384: and 96 or sha512: and 128 lower-case hex digits.',
  )
}

function checkTag(tag: string | undefined, text: string): string | undefined {
  if (tag === undefined || tagForm.test(tag)) return tag
  throw refuse(
    text,
    `has no valid tag (${JSON.stringify(tag)})`,
    'A tag is up to 128 letters, digits, dots, dashes and underscores.',
  )
}

const folderRemedy = "Folder names with ':' or '@' cannot be written in a reference: use another folder."

function refuse(
  text: string,
  why: string,
  remedy = 'Write oci:DIR[:TAG][@DIGEST] or HOST[:PORT]/NAME[:TAG][@DIGEST].',
): InputError {
  return new InputError('reference-invalid', `the reference ${JSON.stringify(text)} ${why}`, { subject: text, remedy })
}
