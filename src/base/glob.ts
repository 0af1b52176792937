/**
 * A pattern in which `*` stands for any text and everything else for itself; it has to cover the whole text. The work is linear in the text for
 * each piece of the pattern: both may come from strangers.
 */
export function glob(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return (text) => text === pattern
  return (text) => {
    if (!text.startsWith(first)) return false
    let at = first.length
    // The leftmost place of each piece leaves the most room for the next one.
    for (const piece of rest) {
      const found = text.indexOf(piece, at)
      if (found === -1) return false
      at = found + piece.length
    }
    return text.length - last.length >= at && text.endsWith(last)
  }
}
