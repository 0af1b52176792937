import { basename } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { RawInputs } from '../../doors/context.ts'
import { formatPlatform, parsePlatform } from '../../image/platforms.ts'
import { isLocalText } from '../../oci/reference.ts'
import { folderKinds, type FolderKind, type SubjectRequest } from '../../tasks/sbom/request.ts'

const archives = { 'oci-archive': 'oci', 'docker-archive': 'docker' } as const
const words = [...folderKinds, 'disk', 'oci-archive', 'docker-archive'] as const
const forms = `image, ${words.map((word) => `${word}:PATH`).join(', ')}`

/** The input `subject` in parts. */
type Choice =
  | { kind: 'image' }
  | { kind: 'archive'; form: 'oci' | 'docker' | null; file: string; wanted: string | null }
  | { kind: 'disk'; path: string; partition: number | null }
  | { kind: FolderKind; path: string }

/**
 * Reads `subject` (INTERFACE §3); an archive may also be named by `image`.
 *
 * @throws InputError `input-invalid`, `unsupported` for a subject that is still to come
 */
export function readSubject(inputs: RawInputs): Choice {
  const text = inputs.text('subject')
  if (text === '' || text === 'image') return imageOrArchive(inputs)
  const [word, rest] = cut(text)
  if (word === 'pipeline') {
    throw new InputError('unsupported', 'subject: "pipeline" is not supported by this version', {
      subject: 'subject',
      remedy: `Use ${forms}.`,
    })
  }
  const kind = words.find((one) => one === word)
  if (kind === undefined || rest === '') {
    const found = kind === undefined ? `"${text}" is not a subject` : `"${text}" names no path`
    throw new InputError('input-invalid', `subject: ${found}`, { subject: 'subject', remedy: `Use ${forms}.` })
  }
  if (kind === 'oci-archive' || kind === 'docker-archive') return archive(archives[kind], rest, 'subject', inputs)
  if (kind === 'disk') {
    const [, file = '', number] = /^(.*?)(?:#(\d{1,3}))?$/.exec(rest) ?? []
    return { kind, path: inputs.path('subject', file), partition: number === undefined ? null : Number(number) }
  }
  return { kind, path: inputs.path('subject', rest) }
}

function imageOrArchive(inputs: RawInputs): Choice {
  const image = inputs.text('image')
  const [word, rest] = cut(image)
  if ((word === 'oci-archive' || word === 'docker-archive') && rest !== '')
    return archive(archives[word], rest, 'image', inputs)
  // A file is neither a layout nor a registry, whose names need a slash and a host.
  const isFile = /\.(?:tar|tar\.gz|tar\.zst|tgz)$/.test(image) && !isLocalText(image)
  return isFile ? { kind: 'archive', form: null, file: inputs.path('image'), wanted: null } : { kind: 'image' }
}

/** `FILE[:NAME]`, as skopeo has it: NAME may hold colons, FILE may not. */
function archive(form: 'oci' | 'docker', text: string, input: string, inputs: RawInputs): Choice {
  const [file, wanted] = cut(text)
  return { kind: 'archive', form, file: inputs.path(input, file), wanted: wanted === '' ? null : wanted }
}

function cut(text: string): [before: string, after: string] {
  const colon = text.indexOf(':')
  return colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
}

/** Inputs that speak of an image, and mean nothing for another subject. */
const imageInputs = ['image', 'platform', 'decryption-key', 'kbs-url', 'trustee-url'] as const

/**
 * The request for a subject that is not an image of a store.
 *
 * @param exclude absolute places that do not belong to a folder
 * @throws InputError `input-invalid` where an input speaks of something else
 */
export function subjectRequest(
  choice: Exclude<Choice, { kind: 'image' }>,
  inputs: RawInputs,
  exclude: readonly string[],
): SubjectRequest {
  const isArchive = choice.kind === 'archive'
  const named = inputs.text('subject')
  const foreign = imageInputs.find(
    (name) => inputs.text(name) !== '' && (!isArchive || (name === 'image' && !['', 'image'].includes(named))),
  )
  if (foreign !== undefined) {
    throw new InputError('input-invalid', `${foreign} belongs to an image, but the subject is "${named}"`, {
      subject: foreign,
      remedy: `Leave \`${foreign}\` out, or leave \`subject\` out.`,
    })
  }
  if (choice.kind === 'disk')
    return { kind: 'disk', name: basename(choice.path), path: choice.path, partition: choice.partition }
  if (choice.kind !== 'archive') {
    const { kind, path } = choice
    return { kind, name: basename(path) || 'root', path, exclude: [...exclude] }
  }
  const { form, file, wanted } = choice
  return { kind: 'archive', form, name: basename(file), path: file, wanted, platform: readPlatform(inputs) }
}

/** The input `platform` in its usual spelling; null where none was given. @throws InputError `input-invalid` */
export function readPlatform(inputs: RawInputs): string | null {
  const text = inputs.text('platform')
  return text === '' ? null : formatPlatform(parsePlatform(text))
}
