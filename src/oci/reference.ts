import { resolve } from 'node:path'
import { readOnly } from './archive/refusals.ts'
import { checkTag, cutDigest, folderRemedy, forms, refuse } from './reference-grammar.ts'
import { parseLocal } from './reference-local.ts'
import { localKinds, type Reference } from './types.ts'

/**
 * Reads a store reference: `oci:DIR[:TAG][@DIGEST]`, `HOST[:PORT]/NAME[:TAG][@DIGEST]` (INTERFACE §1), or a store of this machine by its name in
 * containers-transports(5): `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`, `containers-storage:[[STORE]]NAME`, `docker-daemon:NAME`, all
 * with `[@DIGEST]`. The path of a layout or archive becomes absolute.
 *
 * @param cwd absolute directory that a relative path is resolved against
 * @throws InputError `reference-invalid`
 */
export function parseReference(text: string, cwd: string): Reference {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text)) throw refuse(text, 'holds a control character')
  if (text.startsWith('oci:')) return parseLayout(text, cwd)
  const kind = localKinds.find((one) => text.startsWith(`${one}:`))
  return kind === undefined ? parseRegistry(text) : parseLocal(kind, text, cwd)
}

/**
 * Reads the reference of a store that is going to be written.
 *
 * @throws InputError as {@link parseReference}; `unsupported` for a store that is only read
 */
export function parseTarget(text: string, cwd: string): Reference {
  const reference = parseReference(text, cwd)
  if (['layout', 'registry', 'oci-archive'].includes(reference.kind)) return reference
  throw readOnly(storeName(reference))
}

/** Whether text begins as a reference of a store that lies on this machine: no registry is contacted for it. */
export function isLocalText(text: string): boolean {
  return ['oci', ...localKinds].some((kind) => text.startsWith(`${kind}:`))
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

/** `oci:/abs/dir`, `host[:port]/name`, or a local store as `oci-archive:/abs/file`. */
export function storeName(ref: Reference): string {
  if (ref.kind === 'registry') return `${ref.host}/${ref.repository}`
  return ref.kind === 'layout' ? `oci:${ref.directory}` : `${ref.kind}:${ref.local}`
}

/** Whether text has the grammar of a tag (distribution-spec 1.1). */
export function isTag(text: string): boolean {
  return forms.tag.test(text)
}

/**
 * Whether text is a whole image name with a host or a tag, as podman, buildah and others write it into `org.opencontainers.image.ref.name`. It
 * chooses an image of a layout and is never written.
 */
export function isImageName(text: string): boolean {
  const found = forms.name.exec(text)
  return found !== null && text.length <= 512 && (found[1] !== undefined || /^[^/]*[.:][^/]*\//.test(text))
}

/** The tag at the end of what names an image in a store; null where there is none that can be written elsewhere. */
export function tagIn(name: string | null): string | null {
  const tag = name?.slice(name.lastIndexOf(':') + 1)
  return tag !== undefined && isTag(tag) ? tag : null
}

function parseLayout(text: string, cwd: string): Reference {
  const { head, digest } = cutDigest(text.slice('oci:'.length), text, 'directory')
  const colon = head.indexOf(':')
  const dir = colon < 0 ? head : head.slice(0, colon)
  const tag = colon < 0 ? undefined : head.slice(colon + 1)
  if (dir === '') throw refuse(text, 'names no directory')
  const isName = tag !== undefined && isImageName(tag)
  if (!isName && /[:/]/.test(tag ?? '')) throw refuse(text, "names a directory with ':' in it", folderRemedy)
  const directory = resolve(cwd, dir)
  if (/[:@]/.test(directory)) throw refuse(text, `lies in ${directory}, a path with ':' or '@' in it`, folderRemedy)
  return { kind: 'layout', directory, tag: isName ? tag : checkTag(tag, text), digest }
}

function parseRegistry(text: string): Reference {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)
  if (scheme !== null) throw refuse(text, `begins with ${scheme[0]}`, 'Leave the scheme out: HOST/NAME:TAG.')
  const { head, digest } = cutDigest(text, text)
  const slash = head.indexOf('/')
  const host = slash < 0 ? '' : head.slice(0, slash)
  const port = forms.host.exec(host)
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
  if (!forms.repository.test(repository) || repository.length > 255) {
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
