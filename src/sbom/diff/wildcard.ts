/**
 * Whether a pattern fits a text. `*` stands for anything within one part, `**` for anything across parts, where parts end at `/`. There are
 * no other signs. Time is at most the product of both lengths, whatever the pattern.
 */
export function fitsWildcard(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*')
  if (star === -1) return pattern === text
  if (!text.startsWith(pattern.slice(0, star))) return false
  return fitsParts(pattern.split('/'), text.split('/'))
}

/** The last `**` passed is the only one that can still move: an earlier one would only give away what it reached. */
function fitsParts(pattern: readonly string[], parts: readonly string[]): boolean {
  let [at, from] = [0, 0]
  let [back, backTo] = [-1, 0]
  while (from < parts.length) {
    const part = pattern[at]
    if (part === '**') {
      back = at++
      backTo = from
    } else if (part !== undefined && fitsPart(part, parts[from] ?? '')) {
      at++
      from++
    } else if (back !== -1) {
      at = back + 1
      from = ++backTo
    } else return false
  }
  while (pattern[at] === '**') at++
  return at === pattern.length
}

function fitsPart(pattern: string, text: string): boolean {
  let [at, from] = [0, 0]
  let [back, backTo] = [-1, 0]
  while (from < text.length) {
    if (pattern[at] === '*') {
      back = at++
      backTo = from
    } else if (at < pattern.length && pattern[at] === text[from]) {
      at++
      from++
    } else if (back !== -1) {
      at = back + 1
      from = ++backTo
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
