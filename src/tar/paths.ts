import { VerificationError } from '../base/errors.ts'
import { isName, nameBytes } from './names.ts'
import { quote } from './refusals.ts'

export { compareNames as compareUtf8 } from './names.ts'

/** Longest path and longest name in it that Linux takes (PATH_MAX, NAME_MAX), in bytes. */
const maxPathBytes = 4096
const maxPartBytes = 255

/**
 * Normalises the name of an archive member: relative, no `./`, no empty parts, no trailing slash; the root is `.`. Slashes at the start are
 * dropped and `..` is resolved in the text, as all engines do (Go's `filepath.Clean` below the root); it never leaves the root.
 *
 * @param name as {@link nameOf} gives it
 * @throws VerificationError `path-escape` for one that leaves the root, `format-invalid` for NUL, an empty or overlong name
 */
export function normalisePath(name: string, subject: string): string {
  if (isPlain(name)) return name
  if (name === '') throw refused('format-invalid', 'a member without a name', subject)
  if (name.includes('\0') && !isName(name))
    throw refused('format-invalid', `a name with a NUL byte: ${quote(name)}`, subject)
  if (name.length > maxPartBytes / 3) checkLengths(name, subject)
  if (!/(^|\/)\.{0,2}(\/|$)/.test(name)) return name
  const parts: string[] = []
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) {
      throw refused('path-escape', `a path that leaves the root: ${quote(name)}`, subject)
    }
  }
  return parts.length === 0 ? '.' : parts.join('/')
}

/** Whether a name is in its normal form already, as nearly all are; false where it has to be looked at closely. */
function isPlain(name: string): boolean {
  const [first, last] = [name.charCodeAt(0), name.charCodeAt(name.length - 1)]
  if (name === '' || name.length > maxPartBytes / 3 || first === slash || first === dot || last === slash) return false
  return !name.includes('//') && !name.includes('/.') && !name.includes('\0')
}
const [slash, dot] = [0x2f, 0x2e]

function checkLengths(name: string, subject: string): void {
  const bytes = nameBytes(name)
  if (bytes.length > maxPathBytes)
    throw refused(
      'format-invalid',
      `a name longer than ${maxPathBytes} bytes: ${quote(name)}`,
      subject,
      'shorter names',
    )
  for (let at = 0; at < bytes.length;) {
    const slash = bytes.indexOf(0x2f, at)
    const end = slash === -1 ? bytes.length : slash
    if (end - at > maxPartBytes)
      throw refused(
        'format-invalid',
        `a name with a part longer than ${maxPartBytes} bytes: ${quote(name)}`,
        subject,
        'shorter names',
      )
    at = end + 1
  }
}

function refused(
  code: 'path-escape' | 'format-invalid',
  what: string,
  subject: string,
  names = 'names that stay inside its root',
): VerificationError {
  return new VerificationError(code, `${subject} holds ${what}`, {
    subject,
    remedy: `Do not use this archive: write it again with ${names}.`,
  })
}

/** Folder of a normalised path; `.` for what lies in the root, `` for the root itself. */
export function parentOf(path: string): string {
  if (path === '.') return ''
  const slash = path.lastIndexOf('/')
  return slash === -1 ? '.' : path.slice(0, slash)
}

/** Last part of a normalised path. */
export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
