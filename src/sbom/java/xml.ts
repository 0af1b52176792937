/** Deepest nesting of elements that is followed. */
const deepest = 64

/**
 * Calls back for the text of each element of an XML document, with the path of its names (`project/parent/groupId`, without prefixes). Declarations,
 * comments and attributes are skipped; entities other than the five of XML stay as they are. One pass, no recursion.
 */
export function xmlTexts(text: string, each: (path: string, value: string) => void): void {
  const path: string[] = []
  let value = ''
  for (let at = 0; at < text.length;) {
    const open = text.indexOf('<', at)
    if (open === -1) return
    value += unescape(text.slice(at, open))
    const special = specials.find(({ start }) => text.startsWith(start, open))
    if (special !== undefined) {
      const end = text.indexOf(special.end, open + special.start.length)
      if (end === -1) return
      if (special.text) value += text.slice(open + special.start.length, end)
      at = end + special.end.length
      continue
    }
    const close = text.indexOf('>', open)
    if (close === -1) return
    const tag = text.slice(open + 1, close)
    if (tag.startsWith('/')) {
      each(path.join('/'), value.trim())
      path.pop()
    } else if (!tag.endsWith('/') && !tag.startsWith('!')) {
      if (path.length === deepest) return
      path.push((/^[^\s/]*/.exec(tag)?.[0] ?? '').replace(/^.*:/, ''))
    }
    value = ''
    at = close + 1
  }
}

const specials = [
  { start: '<!--', end: '-->', text: false },
  { start: '<![CDATA[', end: ']]>', text: true },
  { start: '<?', end: '?>', text: false },
] as const

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescape(text: string): string {
  return text.includes('&') ? text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => entities[name] ?? '') : text
}
