import type { JsonValue } from '../../base/json.ts'
import { emptyPackage, homepageOf, parseParty } from '../found.ts'
import { declaredLicences } from '../licence.ts'
import type { FoundPackage, Party } from '../model.ts'
import { formatPurl } from '../purl.ts'
import { at, items, members, nameIn, textOr, textsOr, versionIn } from './foreign.ts'
import { sumsOf } from './sums.ts'

/** A package of a composer.lock or an installed.json, which have the same form. @throws Error where it cannot be read */
export function composerPackage(entry: JsonValue, cataloger: string, development: boolean): FoundPackage {
  const name = nameIn(at(entry, 'name'), 'name')
  const version = versionIn(at(entry, 'version'))
  // Read here, so that what is wrong costs this package and not the edges of all.
  for (const kind of ['require', 'replace', 'provide']) relations(entry, kind)
  const slash = name.indexOf('/')
  const sums = sumsOf('sha1', textOr(at(entry, 'dist', 'shasum')))
  return {
    ...emptyPackage('composer', cataloger),
    // "In case there is more than one … any of them may be chosen" (Composer's schema, `license`).
    ...declaredLicences(textsOr(at(entry, 'license')), 'OR'),
    name,
    version,
    purl: formatPurl({
      type: 'composer',
      namespace: slash === -1 ? undefined : name.slice(0, slash),
      name: slash === -1 ? name : name.slice(slash + 1),
      version: version ?? undefined,
    }),
    supplier: authorOf(entry),
    homepage: homepageOf(textOr(at(entry, 'homepage'))),
    checksums: sums.length > 0 ? sums : undefined,
    scope: development ? 'development' : undefined,
  }
}

function authorOf(entry: JsonValue): Party | null {
  const [first] = items(at(entry, 'authors'), 'authors')
  const party = parseParty(textOr(at(first, 'name')))
  return party === null ? null : { ...party, email: party.email ?? (textOr(at(first, 'email')) || undefined) }
}

/** Sets the edges of packages from one file: a requirement is met by name, or by what another one replaces or provides. */
export function relateComposer(entries: readonly { entry: JsonValue; found: FoundPackage }[]): void {
  const byName = new Map<string, string>()
  for (const { entry, found } of entries) {
    for (const name of [...relations(entry, 'replace'), ...relations(entry, 'provide')])
      if (!byName.has(name)) byName.set(name, found.purl)
  }
  for (const { found } of entries) byName.set(found.name.toLowerCase(), found.purl)
  for (const { entry, found } of entries) {
    const purls = relations(entry, 'require').flatMap((name) => byName.get(name) ?? [])
    found.dependsOn = [...new Set(purls)].filter((purl) => purl !== found.purl).sort()
  }
}

/** Names of the packages that a package requires, replaces or provides, in lower case. @throws Error for another form */
function relations(entry: JsonValue, kind: string): string[] {
  return members(ignoreLists(at(entry, kind)), kind).map(([name]) => name.toLowerCase())
}

/** PHP writes an empty object as an empty list. */
function ignoreLists(value: JsonValue | undefined): JsonValue | undefined {
  return Array.isArray(value) && value.length === 0 ? undefined : value
}
