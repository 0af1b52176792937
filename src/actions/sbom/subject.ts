import { basename } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { RawInputs } from '../../doors/context.ts'
import { folderKinds, type SubjectRequest } from '../../tasks/sbom/request.ts'

const forms = `image, ${folderKinds.map((kind) => `${kind}:PATH`).join(', ')}`

/** The input `subject` in parts: a kind and, for all but an image of a store, what it names. */
export interface SubjectChoice {
  kind: 'image' | (typeof folderKinds)[number]
  /** Absolute path; '' for an image. */
  path: string
}

/**
 * Reads `subject` (INTERFACE §3).
 *
 * @throws InputError `input-invalid`, `unsupported` for a subject that is still to come
 */
export function readSubject(inputs: RawInputs): SubjectChoice {
  const text = inputs.text('subject')
  if (text === '' || text === 'image') return { kind: 'image', path: '' }
  const colon = text.indexOf(':')
  const word = colon === -1 ? text : text.slice(0, colon)
  const rest = colon === -1 ? '' : text.slice(colon + 1)
  if (word === 'pipeline') {
    throw new InputError('unsupported', 'subject: "pipeline" is not supported by this version', {
      subject: 'subject',
      remedy: `Use ${forms}.`,
    })
  }
  const kind = folderKinds.find((one) => one === word)
  if (kind === undefined || rest === '') {
    const found = kind === undefined ? `"${text}" is not a subject` : `"${text}" names no path`
    throw new InputError('input-invalid', `subject: ${found}`, { subject: 'subject', remedy: `Use ${forms}.` })
  }
  return { kind, path: inputs.path('subject', rest) }
}

/** Inputs that speak of an image of a store, and mean nothing for another subject. */
const imageInputs = ['image', 'platform', 'decryption-key', 'kbs-url', 'trustee-url'] as const

/**
 * The request for a subject that is not an image.
 *
 * @param exclude absolute folders that do not belong to it
 * @throws InputError `input-invalid` where an input speaks of an image
 */
export function folderRequest(
  { kind, path }: SubjectChoice,
  inputs: RawInputs,
  exclude: readonly string[],
): Exclude<SubjectRequest, { kind: 'image' }> {
  const foreign = imageInputs.find((name) => inputs.text(name) !== '')
  if (foreign !== undefined || kind === 'image') {
    throw new InputError('input-invalid', `${foreign ?? kind} belongs to an image, but the subject is a ${kind}`, {
      subject: foreign ?? 'subject',
      remedy: `Leave ${foreign ?? 'subject'} out, or leave subject out.`,
    })
  }
  return { kind, name: basename(path) || 'root', path, exclude: [...exclude] }
}
