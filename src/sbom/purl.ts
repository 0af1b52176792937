import { VerificationError } from '../base/errors.ts'

/** A package URL in parts (package-url/purl-spec). */
export interface Purl {
  type: string
  namespace?: string | undefined
  name: string
  version?: string | undefined
  qualifiers?: Readonly<Record<string, string | undefined>> | undefined
  subpath?: string | undefined
}

/** Types whose names have no upper case. */
const lowerName = new Set(['deb', 'oci', 'github', 'bitbucket', 'apk', 'alpm', 'composer', 'hex'])
const lowerNamespace = new Set(['deb', 'github', 'bitbucket', 'apk', 'alpm', 'composer', 'hex'])

/** The canonical text of a package URL. @throws VerificationError `format-invalid` */
export function formatPurl(purl: Purl): string {
  if (!/^[a-z][a-z0-9.+-]*$/i.test(purl.type ?? '')) throw bad(purl.type, 'type')
  if (!purl.name) throw bad(purl.name, 'name')
  const type = purl.type.toLowerCase()
  const name = lowerName.has(type) ? purl.name.toLowerCase() : purl.name
  const spaces = (purl.namespace ?? '').split('/').filter((part) => part !== '')
  const namespace = spaces.map((part) => encode(lowerNamespace.has(type) ? part.toLowerCase() : part))
  const subpath = (purl.subpath ?? '').split('/').filter((part) => !['', '.', '..'].includes(part))
  const qualifiers = Object.entries(purl.qualifiers ?? {})
    .map(([key, value]): [string, string] => {
      if (!/^[a-z.-][a-z0-9._-]*$/i.test(key)) throw bad(key, 'qualifier')
      return [key.toLowerCase(), value ?? '']
    })
    .filter(([, value]) => value !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${encode(value)}`)
  let text = `pkg:${[type, ...namespace, encode(name)].join('/')}`
  if (purl.version) text += `@${encode(purl.version)}`
  if (qualifiers.length > 0) text += `?${qualifiers.join('&')}`
  return subpath.length > 0 ? `${text}#${subpath.map(encode).join('/')}` : text
}

/** Reads a package URL as the specification's "How to parse" says. @throws VerificationError `format-invalid` */
export function parsePurl(text: string): Purl {
  const scheme = /^pkg:\/*(.*)$/is.exec(text)
  if (scheme === null) throw bad(text, 'scheme')
  let rest = scheme[1] as string
  const purl: Purl = { type: '', name: '' }
  const cut = (mark: string): string | null => {
    const at = rest.lastIndexOf(mark)
    if (at === -1) return null
    const tail = rest.slice(at + mark.length)
    rest = rest.slice(0, at)
    return tail
  }
  const subpath = cut('#')
  if (subpath !== null) {
    const parts = subpath.split('/').filter((part) => !['', '.', '..'].includes(part))
    if (parts.length > 0) purl.subpath = parts.map(decode).join('/')
  }
  const query = cut('?')
  if (query !== null) {
    const pairs = query.split('&').map((pair): [string, string] => {
      const equals = pair.indexOf('=')
      if (equals < 1 || !/^[a-z.-][a-z0-9._-]*$/i.test(pair.slice(0, equals))) throw bad(text, 'qualifier')
      return [pair.slice(0, equals).toLowerCase(), decode(pair.slice(equals + 1))]
    })
    purl.qualifiers = Object.fromEntries(pairs.filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  rest = rest.replace(/\/+$/, '')
  // An `@` before the last slash belongs to an npm scope written without its encoding.
  if (rest.lastIndexOf('@') > rest.lastIndexOf('/')) purl.version = decode(cut('@') as string)
  const [type = '', ...path] = rest.split('/').filter((part) => part !== '')
  const name = path.pop()
  if (!/^[a-z][a-z0-9.+-]*$/i.test(type)) throw bad(text, 'type')
  if (name === undefined) throw bad(text, 'name')
  purl.type = type.toLowerCase()
  purl.name = lowerName.has(purl.type) ? decode(name).toLowerCase() : decode(name)
  if (path.length > 0) {
    const namespace = path.map(decode).join('/')
    purl.namespace = lowerNamespace.has(purl.type) ? namespace.toLowerCase() : namespace
  }
  return purl
}

function encode(text: string): string {
  // JSON can hold half of a surrogate pair; UTF-8 cannot, and `encodeURIComponent` throws an error of its own.
  if (!text.isWellFormed()) throw bad(JSON.stringify(text), 'encoding')
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%3A', ':')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw bad(text, 'encoding')
  }
}

function bad(text: string, what: string): VerificationError {
  return new VerificationError('format-invalid', `${text} is not a package URL: its ${what} is wrong or missing`, {
    subject: text,
  })
}
