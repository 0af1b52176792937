import { malformed } from '../binary/view.ts'
import { reach, type Clue } from './types.ts'

/** Bytes that are read as text at a time, and how far a match may reach across the end of such a part. */
const chunk = { size: 1 << 20, overlap: 4096 } as const

/** Most places of one file that look like a version and stand in other surroundings. A real program has some hundred. */
const mostPlaces = 20_000

/**
 * The version that a clue finds in a file: the first match in file order whose surroundings fit. Time is linear in the file: parts overlap only
 * a little, and surroundings have a fixed size.
 *
 * @throws VerificationError `format-invalid` where more places than in any real program look like a version
 */
export function findVersion(content: Buffer, name: string, clue: Clue): string | null {
  const pattern = typeof clue.text === 'function' ? clue.text(name) : clue.text
  if (pattern === null) return null
  if (clue.has !== undefined && !content.includes(clue.has, 0, 'latin1')) return null
  const text = new RegExp(pattern.source, 'g')
  let places = 0
  for (const [start, end] of regions(content, clue.near)) {
    const part = content.toString('latin1', start, end)
    text.lastIndex = 0
    for (let match = text.exec(part); match !== null; match = text.exec(part)) {
      const at = start + match.index
      // Cut off by the end of the part: the next part has it whole.
      if (at + match[0].length === end && end < content.length) break
      if (match[1] !== undefined && fits(content, at, at + match[0].length, clue)) return match[1]
      if (++places > mostPlaces) throw malformed(`more than ${mostPlaces} places look like a version`)
      // Matches may share their first or last byte, a NUL.
      text.lastIndex = match.index + 1
    }
  }
  return null
}

function fits(content: Buffer, start: number, end: number, { before, after }: Clue): boolean {
  if (before !== undefined) {
    const [bytes, within] = before
    const part = content.subarray(Math.max(0, start - within - bytes.length), start + 1)
    if (!part.includes(bytes, 0, 'latin1')) return false
  }
  if (after === undefined) return true
  const [bytes, within] = after
  return content.subarray(end, end + within).includes(bytes, 0, 'latin1')
}

/** Parts of a file in order: around each place of the mark, those that touch joined; without a mark the whole file. */
function* regions(content: Buffer, near: string | undefined): Generator<[number, number]> {
  const { size, overlap } = chunk
  if (near === undefined) {
    for (let at = 0; at < content.length; at += size) yield [at, Math.min(content.length, at + size + overlap)]
    return
  }
  const mark = Buffer.from(near, 'latin1')
  let open: [number, number] | null = null
  for (let at = content.indexOf(mark); at !== -1; at = content.indexOf(mark, at + 1)) {
    const [start, end] = [Math.max(0, at - reach), Math.min(content.length, at + mark.length + reach)]
    if (open !== null && start <= open[1] && end - open[0] <= size) open[1] = end
    else {
      if (open !== null) yield open
      open = [start, end]
    }
  }
  if (open !== null) yield open
}
