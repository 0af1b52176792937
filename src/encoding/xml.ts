/** An element of an XML document. */
export interface XmlElement {
  /** Without its prefix. */
  name: string
  /** Its own text, without that of its children, trimmed. */
  text: string
  children: XmlElement[]
  /** By name without prefix, where the reader was asked for them. */
  attributes?: ReadonlyMap<string, string>
}

const limits = { depth: 100, elements: 500_000 } as const

/**
 * Reads an XML document into elements and texts; comments and processing instructions are left out, and attributes unless asked for. Document
 * types are refused: their entities make huge texts of short ones, and read other files.
 *
 * @throws Error for what is not well-formed, nests too deep, or has a document type
 */
export function readXml(text: string, { attributes = false }: { attributes?: boolean } = {}): XmlElement {
  const document: XmlElement = { name: '', text: '', children: [] }
  const open: { element: XmlElement; tag: string; parts: string[] }[] = [{ element: document, tag: '', parts: [] }]
  let elements = 0
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0
  while (at < text.length) {
    const here = open.at(-1)
    if (here === undefined) break
    if (text.charAt(at) !== '<') {
      const end = indexOr(text, '<', at)
      here.parts.push(decoded(text.slice(at, end)))
      at = end
    } else if (text.startsWith('<!--', at)) at = after(text, '-->', at + 4)
    else if (text.startsWith('<![CDATA[', at)) {
      const end = after(text, ']]>', at)
      here.parts.push(text.slice(at + 9, end - 3))
      at = end
    } else if (text.startsWith('<?', at)) at = after(text, '?>', at)
    else if (text.startsWith('<!', at)) throw new Error('document types are not supported')
    else if (text.startsWith('</', at)) {
      const end = after(text, '>', at)
      const tag = text.slice(at + 2, end - 1).trim()
      if (open.length < 2 || tag !== here.tag)
        throw new Error(`</${tag.slice(0, 50)}> closes <${here.tag.slice(0, 50)}>`)
      here.element.text = here.parts.join('').trim()
      open.pop()
      at = end
    } else {
      const end = endOfTag(text, at)
      const tag = /^[^\s/>]+/.exec(text.slice(at + 1, Math.min(end, at + 300)))?.[0] ?? ''
      if (!/^[\p{L}_:][\p{L}\p{N}_:.-]*$/u.test(tag)) throw new Error(`expected an element at ${at}`)
      if (++elements > limits.elements) throw new Error(`more than ${limits.elements} elements`)
      const element: XmlElement = { name: local(tag), text: '', children: [] }
      if (attributes) element.attributes = attributesOf(text.slice(at + 1 + tag.length, end - 1))
      here.element.children.push(element)
      if (text.charAt(end - 2) !== '/') {
        if (open.length > limits.depth) throw new Error(`elements nest more than ${limits.depth} levels`)
        open.push({ element, tag, parts: [] })
      }
      at = end
    }
  }
  if (open.length !== 1) throw new Error(`<${(open.at(-1)?.tag ?? '').slice(0, 50)}> is not closed`)
  const [root] = document.children
  if (root === undefined || document.children.length > 1) throw new Error('expected one element')
  return root
}

/** The first child of a name. */
export function childOf(element: XmlElement | undefined, ...names: readonly string[]): XmlElement | undefined {
  let here = element
  for (const name of names) here = here?.children.find((child) => child.name === name)
  return here
}

/** Text of the first child of a name; empty where there is none. */
export function childText(element: XmlElement | undefined, name: string): string {
  return childOf(element, name)?.text ?? ''
}

/** All children of a name. */
export function childrenOf(element: XmlElement | undefined, name: string): XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? []
}

/** @throws Error for an attribute that stands twice */
function attributesOf(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', double, single] of text.matchAll(/([^\s=/]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
    if (found.has(local(name))) throw new Error(`the attribute ${name.slice(0, 50)} stands twice`)
    found.set(local(name), decoded(double ?? single ?? ''))
  }
  return found
}

function local(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

function indexOr(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found === -1 ? text.length : found
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  if (found === -1) throw new Error(`expected "${mark}" behind ${from}`)
  return found + mark.length
}

/** `>` may stand in the value of an attribute. */
function endOfTag(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '>') return at + 1
    if (char === '"' || char === "'") at = after(text, char, at + 1) - 1
  }
  throw new Error('a tag does not end')
}

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function decoded(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&([^;&\s]{1,20});/g, (_, entity: string) => {
    const known = Object.hasOwn(named, entity) ? named[entity] : undefined
    if (known !== undefined) return known
    const [, hex, decimal] = /^#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}))$/.exec(entity) ?? []
    const code = Number.parseInt(hex ?? decimal ?? '', hex === undefined ? 10 : 16)
    if (Number.isNaN(code) || code > 0x10ffff) throw new Error(`the entity &${entity}; is unknown`)
    return String.fromCodePoint(code)
  })
}
