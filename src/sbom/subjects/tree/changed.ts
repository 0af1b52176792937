import { InputError } from '../../../base/errors.ts'
import { quoteName } from './quote.ts'

/** Refusal of a tree that another program writes to: what was read would be of no one moment. */
export function changedMeanwhile(path: string, cause?: unknown): InputError {
  return new InputError('file-invalid', `"${quoteName(path)}" changed while it was read`, {
    subject: 'subject',
    cause,
    remedy: 'Let no other program write to the folder, then start again.',
  })
}

/** Whether this user may not read something, or the disk cannot. */
export function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'EIO'].includes(codeOf(error))
}

/** Whether something is no longer what a listing said of it. */
export function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENXIO'].includes(codeOf(error))
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}
