import { isAscii, isUtf8 } from 'node:buffer'

/**
 * Names of files are bytes. As text they are their UTF-8 reading where they have one; each byte that is no part of a UTF-8 sequence stands as
 * U+0000 and two lowercase hexadecimal digits (byte FF is `\u0000ff`). No name holds a NUL byte, so no two names have one text, other
 * names stand as they are, and JSON documents hold the text as it is.
 */
export function nameOf(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString('latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : escaped(bytes)
}

/** The bytes of a name: the inverse of {@link nameOf}. */
export function nameBytes(name: string): Buffer {
  if (!name.includes('\0')) return Buffer.from(name)
  const [first = '', ...rest] = name.split('\0')
  const parts = rest.flatMap((part) => [Buffer.from(part.slice(0, 2), 'hex'), Buffer.from(part.slice(2))])
  return Buffer.concat([Buffer.from(first), ...parts])
}

/** What a path is to the file system: text, or bytes where the name has no UTF-8 reading. */
export function nativePath(path: string): string | Buffer {
  return path.includes('\0') ? nameBytes(path) : path
}

/** Whether a text is what {@link nameOf} gives for some bytes without NUL. */
export function isName(text: string): boolean {
  if (!text.includes('\0')) return text.isWellFormed()
  return /^[^\0]*(?:\0[89a-f][0-9a-f][^\0]*)*$/.test(text) && text.isWellFormed() && nameOf(nameBytes(text)) === text
}

function escaped(bytes: Buffer): string {
  const parts: string[] = []
  let plain = 0
  for (let at = 0; at < bytes.length;) {
    const length = sequenceAt(bytes, at)
    if (length > 0) {
      at += length
      continue
    }
    parts.push(bytes.toString('utf8', plain, at), `\0${bytes.toString('hex', at, at + 1)}`)
    plain = ++at
  }
  parts.push(bytes.toString('utf8', plain))
  return parts.join('')
}

/** Bytes of the UTF-8 sequence that begins here; 0 where none does. */
function sequenceAt(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80) return 1
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  return length > 0 && at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0
}

/** Orders names by their bytes. JavaScript's own order (UTF-16 units) differs from that of UTF-8 above U+FFFF. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    if (x === 0 || y === 0) return Buffer.compare(nameBytes(a), nameBytes(b))
    return lift(x) - lift(y)
  }
  return a.length - b.length
}

/** Moves surrogates above U+E000…U+FFFF, where their code points belong. */
function lift(unit: number): number {
  return unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}
