import { VerificationError } from '../base/errors.ts'

/** Longest path that Linux takes (PATH_MAX), in bytes. */
const maxPathBytes = 4096

/**
 * Normalises the name of an archive member: relative, no `./`, no empty parts, no trailing slash; the root is `.`.
 * `..` is resolved in the text, as containerd and umoci do, and never leaves the root.
 *
 * @throws VerificationError `path-escape` for an absolute path or one that leaves the root, `format-invalid` for NUL, an empty or overlong name
 */
export function normalisePath(name: string, subject: string): string {
  if (name === '') throw refused('format-invalid', 'a member without a name', subject)
  if (name.includes('\0')) throw refused('format-invalid', `a name with a NUL byte: ${JSON.stringify(name)}`, subject)
  if (name.length > maxPathBytes || Buffer.byteLength(name) > maxPathBytes) {
    throw refused('format-invalid', `a name longer than ${maxPathBytes} bytes: ${name.slice(0, 80)}…`, subject)
  }
  if (name.startsWith('/')) throw refused('path-escape', `the absolute path ${name}`, subject)
  // Nearly every name is already in its normal form.
  if (!/(^|\/)\.{0,2}(\/|$)/.test(name)) return name
  const parts: string[] = []
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) throw refused('path-escape', `a path that leaves the root: ${name}`, subject)
  }
  return parts.length === 0 ? '.' : parts.join('/')
}

function refused(code: 'path-escape' | 'format-invalid', what: string, subject: string): VerificationError {
  return new VerificationError(code, `${subject} holds ${what}`, {
    subject,
    remedy: 'Do not use this archive: write it again with relative names that stay inside its root.',
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

/** Orders texts by their UTF-8 bytes, which JavaScript's own order (UTF-16 units) does not do above U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return lift(x) - lift(y)
  }
  return a.length - b.length
}

/** Moves surrogates above U+E000…U+FFFF, where their code points belong. */
function lift(unit: number): number {
  return unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}
