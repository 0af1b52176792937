import { table } from '../base/table.ts'
import parse from 'spdx-expression-parse'
import { licenceByName } from './licence-names.ts'

/** Debian's short names (DEP-5) that differ from SPDX's. */
const debian: Readonly<Record<string, string>> = table({
  expat: 'MIT',
  'public-domain': '',
  'gpl-1': 'GPL-1.0-only',
  'gpl-1+': 'GPL-1.0-or-later',
  'gpl-2': 'GPL-2.0-only',
  'gpl-2+': 'GPL-2.0-or-later',
  'gpl-3': 'GPL-3.0-only',
  'gpl-3+': 'GPL-3.0-or-later',
  'lgpl-2': 'LGPL-2.0-only',
  'lgpl-2+': 'LGPL-2.0-or-later',
  'lgpl-2.1': 'LGPL-2.1-only',
  'lgpl-2.1+': 'LGPL-2.1-or-later',
  'lgpl-3': 'LGPL-3.0-only',
  'lgpl-3+': 'LGPL-3.0-or-later',
  'gfdl-1.3+': 'GFDL-1.3-or-later',
  'apache-2': 'Apache-2.0',
  isc: 'ISC',
  zlib: 'Zlib',
})

/** The text itself when it is a valid SPDX licence expression (current list, exact case), else null. */
export function spdxExpression(text: string): string | null {
  const trimmed = text.trim()
  // A reference to a licence text would have to be resolved within our documents, and we have no such text.
  if (trimmed === '' || /LicenseRef-|DocumentRef-/.test(trimmed)) return null
  try {
    parse(trimmed)
    return trimmed
  } catch {
    return null
  }
}

/** Longest licence field that is a name and not the licence itself. */
const longestName = 200

/** What a licence field says: an expression where it is one, or the usual name of one licence; else its own words, if they are a line. */
export function declaredLicence(text: string): { licence: string | null; licenceText: string | null } {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.length > 2000 || /^unknown$/i.test(trimmed)) return { licence: null, licenceText: null }
  const licence = spdxExpression(trimmed) ?? licenceByName(trimmed)
  const isLine = trimmed.length <= longestName && !/[\r\n]/.test(trimmed) && trimmed.isWellFormed()
  return { licence, licenceText: licence === null && isLine ? trimmed : null }
}

/** Several licence fields of which any may be chosen (`OR`), or all apply (`AND`); null where the metadata does not say which. */
export function declaredLicences(
  texts: readonly string[],
  join: 'OR' | 'AND' | null,
): { licence: string | null; licenceText: string | null } {
  const parts = [...new Set(texts.map((text) => text.trim()).filter((text) => text !== ''))].slice(0, 50)
  if (parts.length < 2) return declaredLicence(parts[0] ?? '')
  const known = parts.map((part) => declaredLicence(part).licence)
  if (join !== null && known.every((part) => part !== null))
    return declaredLicence(known.map((part) => (/ /.test(part) ? `(${part})` : part)).join(` ${join} `))
  const words = parts.join(', ')
  return { licence: null, licenceText: words.length <= longestName ? words : null }
}

/**
 * Licences of a DEP-5 copyright file as one expression: all of them together, since every part of the package is installed.
 * Null when the file has another form or names a licence that SPDX does not know.
 */
export function dep5Licence(text: string): string | null {
  if (!/^format(-specification)?:/im.test(text.slice(0, 1000))) return null
  const found = new Set<string>()
  for (const [, line] of text.matchAll(/^license:[ \t]*(\S[^\n]*)$/gim)) {
    const expression = debianExpression(line as string)
    if (expression === null) return null
    found.add(expression)
  }
  if (found.size === 0) return null
  const parts = [...found].sort()
  return spdxExpression(parts.map((part) => (/ /.test(part) && parts.length > 1 ? `(${part})` : part)).join(' AND '))
}

function debianExpression(line: string): string | null {
  const words = line.trim().split(/(?:,)?\s+(and\/or|and|or)\s+/i)
  const parts = words.map((word, i) => {
    if (i % 2 === 1) return word.toLowerCase() === 'and' ? 'AND' : 'OR'
    return debian[word.toLowerCase()] ?? word
  })
  return spdxExpression(parts.join(' '))
}
