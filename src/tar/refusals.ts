import { VerificationError } from '../base/errors.ts'

/** Where something stands in an archive. */
export interface Place {
  /** What errors name: a layer's digest, a file. */
  subject: string
  /** Byte offset of the entry's header in the uncompressed archive. */
  position: number
}

/**
 * An archive that engines or readers could take in more than one way. The message names the entry, the byte and what they disagree on.
 */
export function ambiguous(place: Place, name: string, why: string, remedy: string): VerificationError {
  return new VerificationError(
    'archive-ambiguous',
    `${place.subject} cannot be read in one way only: ${quote(name)} at byte ${place.position} ${why}`,
    { subject: name, remedy },
  )
}

/** Bytes that no engine takes, or that are past a limit. */
export function invalid(place: Place, what: string): VerificationError {
  return new VerificationError('format-invalid', `${place.subject} holds ${what} (at byte ${place.position})`, {
    subject: place.subject,
    remedy: 'Write the archive again with a current tar program.',
  })
}

/** A name in a message: control characters and what could be taken for an end are escaped, long names cut. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
}

/** A whiteout whose name would take its own folder, or the one above. */
export function whiteoutOfNothing(place: Place, path: string): VerificationError {
  return new VerificationError('path-escape', `${place.subject}: the whiteout ${quote(path)} names no file`, {
    subject: path,
    remedy: 'Do not use this archive: write it again with whiteouts that name a file (.wh.NAME).',
  })
}
