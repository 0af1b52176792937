import { isUtf8 } from 'node:buffer'
import { nameOf } from '../../../tar/names.ts'

/** Bytes that are decoded at once where a database is not UTF-8: each bad byte makes two parts of a text. */
const piece = 64 * 1024

/**
 * The text of a package database. Names and paths in it are bytes, as those of files are: what is not UTF-8 stands as in {@link nameOf}, so that
 * no two names become one and a path is that of the inventory.
 */
export function databaseText(content: Buffer): string {
  if (isUtf8(content)) return content.toString('utf8')
  const parts: string[] = []
  for (let at = 0; at < content.length;) {
    let end = Math.min(content.length, at + piece)
    // Not within a character, which has at most three bytes behind its first.
    for (let back = 0; back < 3 && end < content.length && ((content[end] ?? 0) & 0xc0) === 0x80; back++) end--
    parts.push(nameOf(content.subarray(at, end)))
    at = end
  }
  return parts.join('')
}

/** A text that is shown and names nothing, such as a maintainer: bytes that are not UTF-8 are U+FFFD. */
export function shownWords(text: string): string {
  return text.replace(/\0[0-9a-f]{2}/g, '\uFFFD')
}
