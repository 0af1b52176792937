import { resolve } from 'node:path'
import { checkTag, cutDigest, folderRemedy, forms, refuse } from './reference-grammar.ts'
import { isDigest } from './digest.ts'
import type { Digest, LocalKind, Reference } from './types.ts'

/** Names in a docker archive are those of any tool; they are compared, never used as a path or argument. */
const archivedName = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,4095}$/
/** An image by the digest of its configuration, as `docker images --no-trunc` and `podman images` show it. */
const idForm = /^(?:sha256:)?[0-9a-f]{64}$/

/** Reads the reference of a store that is a file or a program's own (containers-transports(5)). @throws InputError `reference-invalid` */
export function parseLocal(kind: LocalKind, text: string, cwd: string): Reference {
  const body = text.slice(kind.length + 1)
  return kind === 'oci-archive' || kind === 'docker-archive'
    ? parseArchive(kind, body, text, cwd)
    : parseName(kind, body, text)
}

function parseArchive(kind: 'oci-archive' | 'docker-archive', body: string, text: string, cwd: string): Reference {
  const { head, digest } = cutDigest(body, text, 'file')
  const colon = head.indexOf(':')
  const file = colon < 0 ? head : head.slice(0, colon)
  const name = colon < 0 ? undefined : head.slice(colon + 1)
  if (file === '') throw refuse(text, 'names no file')
  const local = resolve(cwd, file)
  if (/[:@]/.test(local)) throw refuse(text, `lies in ${local}, a path with ':' or '@' in it`, folderRemedy)
  if (kind === 'oci-archive') return { kind, local, tag: checkTag(name, text), digest }
  if (name === undefined || archivedName.test(name)) return { kind, local, tag: name, digest }
  throw refuse(
    text,
    `has no valid name of an image (${JSON.stringify(name)})`,
    'Name it as docker save did, such as app:1.0.',
  )
}

/**
 * The name of an image in a store that a program keeps. A digest behind a tag or an id is that of the manifest that is read; behind a bare name it is
 * part of the name, which the program alone can look up.
 */
function parseName(kind: 'containers-storage' | 'docker-daemon', body: string, text: string): Reference {
  const { store, rest } = /^(?<store>\[[^\]]{1,1024}\])?(?<rest>.*)$/s.exec(body)?.groups ?? {}
  if (store !== undefined && kind === 'docker-daemon')
    throw refuse(text, 'names a store in brackets, which an engine does not have')
  const { head, digest } = cutLast(rest ?? '', text)
  const local = (name: string): string => `${store ?? ''}${name}`
  if (idForm.test(head)) return { kind, local: local(head), digest }
  const [bare = '', of] = head.split('@')
  const found = forms.name.exec(bare)
  if (found === null || (of !== undefined && !isDigest(of))) {
    throw refuse(
      text,
      `has no valid name of an image (${JSON.stringify(head)})`,
      'Give a name as the program lists it, such as localhost/app:1.0, or the whole id of an image.',
    )
  }
  if (found[1] !== undefined || of !== undefined) return { kind, local: local(head), digest }
  return { kind, local: local(digest === undefined ? `${head}:latest` : `${head}@${digest}`) }
}

/** A name may hold a digest of its own, so the last one is cut off. */
function cutLast(body: string, text: string): { head: string; digest: Digest | undefined } {
  const at = body.lastIndexOf('@')
  if (at < 0) return { head: body, digest: undefined }
  const { digest } = cutDigest(body.slice(at), text)
  return { head: body.slice(0, at), digest }
}
