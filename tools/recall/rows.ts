import { parsePurl, type Purl } from '../../src/sbom/purl.ts'
import type { Row, SyftRow } from './types.ts'

/** Types whose namespace is the distribution: fixtures are without one. */
const ofSystems: ReadonlySet<string> = new Set(['deb', 'apk', 'rpm', 'alpm', 'opkg'])

/** A package in a fixture. Names are compared by package URL, so that each tool may show them in its own way. */
export function rowOf(
  ecosystem: string,
  path: string,
  { name, version, purl, type }: { name: string; version: string | null; purl: string; type: string },
): Row {
  const { kind, full } = identity(purl, type, name)
  // syft shows Go's own library as `go1.2`, and as 1.2 in its package URL.
  const own = kind === 'golang' && full === 'stdlib' ? version?.replace(/^go/, '') : version
  const known = own === undefined || own === null || own === 'UNKNOWN' ? '' : own
  return { ecosystem, fixture: path.split('/')[0] as string, package: `${kind} ${full}@${known}` }
}

function identity(text: string, type: string, name: string): { kind: string; full: string } {
  const purl = read(text)
  // No type of package URL is defined for these: syft gives none, we give a generic one.
  if (purl === null && type === 'rust-crate') return { kind: 'cargo', full: name }
  if (
    purl === null ||
    /^(?:apple-app-bundle|github-action|wordpress-plugin|terraform-provider|hex$)/.test(purl.namespace ?? '')
  )
    return { kind: type, full: name }
  // syft has no word of its own for them.
  if (purl.type === 'opkg') return { kind: 'deb', full: purl.name }
  const namespace = ofSystems.has(purl.type) ? undefined : purl.namespace
  const full = namespace === undefined ? purl.name : `${namespace}/${purl.name}`
  // A part of a pod is the subpath of its purl.
  if (purl.type === 'cocoapods' && purl.subpath !== undefined)
    return { kind: purl.type, full: `${full}/${purl.subpath}` }
  // Python's names are equal in these forms (PEP 503); the specification of package URLs takes one of them.
  return { kind: purl.type, full: purl.type === 'pypi' ? full.toLowerCase().replace(/[-_.]+/g, '-') : full }
}

function read(text: string): Purl | null {
  try {
    return parsePurl(text)
  } catch {
    return null
  }
}

/**
 * Rows of syft whose Maven group it does not know: it repeats the name in its place. Where we know a group of the same name and version in the same
 * fixture, both found the same package.
 */
export function withKnownGroups(theirs: readonly SyftRow[], ours: readonly Row[]): Row[] {
  return theirs.map(({ groupless, ...row }) => {
    const end = row.package.slice(row.package.indexOf('/'))
    const fits = (one: Row): boolean =>
      one.ecosystem === row.ecosystem &&
      one.fixture === row.fixture &&
      one.package.startsWith('maven ') &&
      one.package.endsWith(end)
    const known = groupless ? ours.filter(fits) : []
    return known.length === 1 ? (known[0] as Row) : row
  })
}

/** Each row once, sorted. */
export function uniqueRows(rows: readonly Row[]): Row[] {
  const byKey = new Map(rows.map((row) => [keyOf(row), row]))
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

export function keyOf({ ecosystem, fixture, package: found }: Row): string {
  return `${ecosystem}\0${fixture}\0${found}`
}
