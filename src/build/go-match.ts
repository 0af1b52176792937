/**
 * Whether Go's `filepath.Match(pattern, ".")` ends without an error, which is how moby's patternmatcher looks for broken patterns: what stands behind
 * the first part that does not match is not read.
 */
export function isReadable(pattern: string): boolean {
  let rest = [...pattern]
  let name = ['.']
  next: while (rest.length > 0) {
    const { star, chunk, end } = scan(rest)
    rest = rest.slice(end)
    if (star && chunk.length === 0) return true
    // A star may pass over the one character there is.
    for (let skip = 0; skip <= (star ? name.length : 0); skip++) {
      const left = matchChunk(chunk, name.slice(skip))
      if (left === 'broken') return false
      if (left === null || (left.length > 0 && rest.length === 0)) continue
      name = left
      continue next
    }
    return true
  }
  return true
}

/** The stars at the beginning, what follows up to the next star outside a class, and where that ends. */
function scan(pattern: readonly string[]): { star: boolean; chunk: string[]; end: number } {
  const start = pattern.findIndex((char) => char !== '*')
  if (start === -1) return { star: true, chunk: [], end: pattern.length }
  let inClass = false
  let i = start
  for (; i < pattern.length && (inClass || pattern[i] !== '*'); i++) {
    if (pattern[i] === '\\') i += i + 1 < pattern.length ? 1 : 0
    else if (pattern[i] === '[') inClass = true
    else if (pattern[i] === ']') inClass = false
  }
  return { star: start > 0, chunk: pattern.slice(start, i), end: i }
}

/** What is left of a name behind a chunk without stars; null where it does not match. The chunk is read to its end all the same. */
function matchChunk(chunk: readonly string[], name: readonly string[]): string[] | null | 'broken' {
  let left: string[] | null = [...name]
  for (let i = 0; i < chunk.length; i++) {
    const char = left?.shift()
    if (char === undefined) left = null
    if (chunk[i] === '[') {
      const read = matchClass(chunk, i + 1, char)
      if (read === null) return 'broken'
      if (!read.matches) left = null
      i = read.last
    } else if (chunk[i] !== '?') {
      if (chunk[i] === '\\') i++
      if (i === chunk.length) return 'broken'
      if (chunk[i] !== char) left = null
    }
  }
  return left
}

/** A class, from behind its `[`: each end of a range is a character; `-` and `]` need `\`. */
function matchClass(chunk: readonly string[], at: number, char = ''): { matches: boolean; last: number } | null {
  let i = at
  const negated = chunk[i] === '^'
  if (negated) i++
  let found = false
  const value = char.codePointAt(0) ?? 0
  /** One character of a class, which has to go on behind it. */
  const read = (): number | null => {
    if (chunk[i] === '-' || chunk[i] === ']') return null
    if (chunk[i] === '\\') i++
    const rune = chunk[i++]?.codePointAt(0)
    return rune === undefined || i >= chunk.length ? null : rune
  }
  for (let count = 0; chunk[i] !== ']' || count === 0; count++) {
    const low = read()
    if (low === null) return null
    let high = low
    if (chunk[i] === '-') {
      i++
      const end = read()
      if (end === null) return null
      high = end
    }
    if (low <= value && value <= high) found = true
  }
  return { matches: found !== negated, last: i }
}
