import { InputError, systemError } from '../base/errors.ts'

/** Result codes of SQLite (sqlite.org/rescode.html). */
const code = { busy: 5, readOnly: 8, corrupt: 11, full: 13, notDatabase: 26 } as const
/** The lower byte is the primary code; the rest says more of it. */
const primaryMask = 0xff

/**
 * What an error of SQLite means to the owner of an embedded KBS; any other error comes back as it is.
 *
 * @param path of the database
 */
export function databaseError(error: unknown, path: string): unknown {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return error
  const found = Number(error.errcode) & primaryMask
  if (found === code.full) return systemError({ code: 'ENOSPC', syscall: 'write', path }) ?? error
  if (found === code.readOnly) return systemError({ code: 'EACCES', syscall: 'write', path }) ?? error
  if (found === code.busy)
    return told(
      'state-conflict',
      `another process keeps "${path}" locked`,
      'Wait for it or end it, and try again.',
      error,
    )
  if (found === code.corrupt || found === code.notDatabase) return damaged(path, error)
  return error
}

/** The error for a file that is no whole database. */
export function damaged(path: string, cause?: unknown): InputError {
  return told(
    'file-invalid',
    `"${path}" is damaged: it is not a whole database`,
    'Restore a copy of it, or move it away and publish again: keys that no other place holds are lost.',
    cause,
  )
}

function told(kind: 'state-conflict' | 'file-invalid', message: string, remedy: string, cause: unknown): InputError {
  return new InputError(kind, message, { subject: 'embedded', remedy, cause })
}
