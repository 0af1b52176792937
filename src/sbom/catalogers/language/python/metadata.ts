import { licenceByName } from '../../../licence-names.ts'
import { declaredLicence } from '../../../licence.ts'
import type { Party } from '../../../model.ts'
import { parseParty } from '../../../found.ts'
import { nameIn, textIn, versionIn } from '../../foreign.ts'

/** What a METADATA or PKG-INFO file says (PyPA core metadata). */
export interface PythonMetadata {
  name: string
  version: string | null
  licence: string | null
  licenceText: string | null
  supplier: Party | null
  homepage: string
  /** Normalised names of what it needs without an extra. */
  requires: string[]
}

/** Distribution names are compared in this form (PEP 503), and purl wants it. */
export function pypiName(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase()
}

/** Reads the header fields. @throws Error for a file without a name, or with two different ones */
export function readMetadata(content: Buffer): PythonMetadata {
  const fields = headersOf(textIn(content))
  const all = (name: string): string[] => fields.get(name) ?? []
  const first = (name: string): string => {
    const value = all(name)[0]?.trim() ?? ''
    // What setuptools writes for a field without a value.
    return value === 'UNKNOWN' ? '' : value
  }
  for (const name of ['name', 'version']) {
    if (new Set(all(name)).size > 1) throw new Error(`the field "${name}" has two values`)
  }
  return {
    name: nameIn(first('name'), 'name'),
    version: versionIn(first('version')),
    ...licencesOf(first('license-expression'), first('license'), all('classifier')),
    supplier:
      partyOf(first('author'), first('author-email')) ?? partyOf(first('maintainer'), first('maintainer-email')),
    homepage: first('home-page') || urlOf(all('project-url')),
    requires: [
      ...new Set(
        all('requires-dist')
          .map(requirementName)
          .filter((name) => name !== null),
      ),
    ],
  }
}

/** Fields in lower case. The headers end with an empty line; the description follows it. */
function headersOf(text: string): Map<string, string[]> {
  const fields = new Map<string, string[]>()
  let values: string[] | null = null
  for (const line of lines(text)) {
    if (line.trim() === '') break
    if (/^[ \t]/.test(line)) {
      if (values !== null) values.push(`${values.pop() ?? ''}\n${line.trim()}`)
      continue
    }
    const colon = line.indexOf(':')
    if (colon < 1) continue
    const name = line.slice(0, colon).toLowerCase()
    values = fields.get(name) ?? []
    fields.set(name, values)
    values.push(line.slice(colon + 1).trim())
  }
  return fields
}

function* lines(text: string): Generator<string> {
  for (let start = 0; start <= text.length;) {
    const end = text.indexOf('\n', start)
    const stop = end === -1 ? text.length : end
    yield text.slice(start, stop).replace(/\r$/, '')
    start = stop + 1
  }
}

function licencesOf(
  expression: string,
  licence: string,
  classifiers: readonly string[],
): Pick<PythonMetadata, 'licence' | 'licenceText'> {
  const stated = declaredLicence(expression)
  if (stated.licence !== null) return stated
  const field = declaredLicence(licence)
  if (field.licence !== null) return field
  const named = classifiers
    .filter((text) => text.startsWith('License ::'))
    .map((text) => text.slice(text.lastIndexOf('::') + 2).trim())
    .filter((text) => text !== 'OSI Approved')
  // Several classifiers may mean a choice or a sum, which they do not say.
  const only = named.length === 1 ? licenceByName(named[0] ?? '') : null
  if (only !== null) return { licence: only, licenceText: null }
  return field.licenceText !== null || named.length === 0 ? field : declaredLicence(named.join(', '))
}

/** `Author-email` holds `Name <address>` where pyproject.toml gave both. */
function partyOf(name: string, email: string): Party | null {
  const first = firstAddress(email)
  const both = first.includes('<') ? parseParty(first.replaceAll('"', '')) : null
  if (name === '') return both
  const party = parseParty(name)
  const address = both?.email ?? (/^[^\s<>@]+@[^\s<>@]+$/.test(first) ? first : undefined)
  return party === null ? null : { ...party, email: party.email ?? address }
}

/** A comma in quotes belongs to the name. */
function firstAddress(text: string): string {
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    if (text.charAt(i) === '"') quoted = !quoted
    if (text.charAt(i) === ',' && !quoted) return text.slice(0, i)
  }
  return text
}

function urlOf(projectUrls: readonly string[]): string {
  const found = projectUrls.find((text) => /^home-?page\s*,/i.test(text))
  return found === undefined ? '' : found.slice(found.indexOf(',') + 1).trim()
}

/** Normalised name of a PEP 508 requirement; null where it belongs to an extra, which need not be installed. */
export function requirementName(text: string): string | null {
  if (/;.*\bextra\s*==/.test(text.slice(0, 2000))) return null
  const name = /^\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)/.exec(text)?.[1]
  return name === undefined ? null : pypiName(name)
}

/** Names in an egg's requires.txt, without those of extras: `[name]`, or `[name:marker]`. */
export function eggRequirements(content: Buffer): string[] {
  const found: string[] = []
  let extra = false
  for (const line of lines(textIn(content))) {
    const section = /^\[([^:\]]*)/.exec(line)
    if (section !== null) extra = section[1] !== ''
    else if (!extra) found.push(requirementName(line) ?? '')
  }
  return [...new Set(found.filter((name) => name !== ''))]
}
