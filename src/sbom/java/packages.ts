import { spdxExpression } from '../licence.ts'
import { emptyPackage, homepageOf } from '../found.ts'
import type { FoundPackage } from '../model.ts'
import { formatPurl } from '../purl.ts'
import type { Archive } from './archive.ts'
import { fieldOf, groupOfManifest, type Manifest } from './manifest.ts'
import { archiveName, nameOf, versionOf, type ArchiveName } from './names.ts'
import type { Coordinates, Pom } from './pom.ts'

/** Packages of an archive and of those within it. @param location the file on disk */
export function packagesOf(archive: Archive, location: string): FoundPackage[] {
  const main = mainOf(archive)
  const packages: FoundPackage[] = []
  const rest = archive.properties.filter((each) => main === null || !isSame(each, main, archive))
  for (const each of rest)
    packages.push(makePackage({ ...each, pom: pomIn(archive, each.folder), manifest: [] }, archive, location))
  const nested = archive.nested.map((each) => packagesOf(each, location))
  if (main === null) return [...packages, ...nested.flat()]
  const found = makePackage(main, archive, location)
  found.checksums = [{ algorithm: 'SHA-1', value: archive.sha1 }]
  // The first package of a nested archive is its own; what that contains is its own matter.
  const parts = [...packages, ...nested.flatMap(([first]) => (first === undefined ? [] : [first]))]
  found.dependsOn = [...new Set(parts.map(({ purl }) => purl))].filter((purl) => purl !== found.purl).sort()
  return [found, ...packages, ...nested.flat()]
}

interface Main extends Coordinates {
  pom: (Pom & { folder: string }) | null
  manifest: Manifest
}

/** Name and version: Maven's own files where they fit the file's name, else manifest and file name. Null for an archive that says nothing. */
function mainOf(archive: Archive): Main | null {
  const { manifest, poms, properties } = archive
  if (manifest === null || fieldOf(manifest.slice(0, 1), 'Weave-Classes') !== '') return null
  const file = archiveName(baseName(archive))
  const best = bestMatch(archive, file)
  const pom = best === null ? (properties.length === 0 && poms.length === 1 ? (poms[0] ?? null) : null) : best.pom
  const artifact = best?.artifact || pom?.artifact || nameOf(manifest, file)
  const version =
    best?.version || pom?.version || pom?.parent.version || versionOf(manifest, file) || versionFromProperties(archive)
  const group = best === null ? '' : cleanGroup(best.group, best.artifact)
  if (artifact === '') return null
  const main = { group, artifact, version, pom, manifest }
  // A project file of the same artifact completes what the manifest leaves open.
  const same = properties.find((each) => isSame(each, main, archive))
  return same === undefined
    ? main
    : {
        ...main,
        group: cleanGroup(same.group, same.artifact),
        artifact: same.artifact,
        version: same.version,
        pom: pomIn(archive, same.folder) ?? pom,
      }
}

function bestMatch({ properties, poms }: Archive, file: ArchiveName): (Coordinates & { pom: Main['pom'] }) | null {
  if (file.name === '') return null
  const exact = properties.some(({ artifact }) => artifact === file.name)
  let best: (Coordinates & { pom: Main['pom'] }) | null = null
  for (const each of properties) {
    const fits = exact
      ? each.artifact === file.name
      : each.artifact.startsWith(file.name) || file.name.endsWith(each.artifact)
    if (!fits) continue
    const pom = poms.find(({ folder }) => folder === each.folder) ?? null
    const certain =
      pom !== null && ((each.group !== '' && file.name.includes(each.group)) || file.name === each.artifact)
    if (best === null || (pom !== null && (best.pom === null || certain))) best = { ...each, pom }
    if (certain) break
  }
  return best
}

/** A `pom.properties` that describes the archive itself and not a library that was shaded into it. */
function isSame(each: Coordinates, main: Main, archive: Archive): boolean {
  if (each.artifact === main.artifact)
    return main.group === '' || each.group === '' || main.group === each.group || archive.properties.length === 1
  return false
}

function pomIn({ poms }: Archive, folder: string): (Pom & { folder: string }) | null {
  return poms.find((each) => each.folder === folder) ?? null
}

function versionFromProperties({ manifest, versionProperties }: Archive): string {
  if (versionProperties === '' || fieldOf((manifest ?? []).slice(0, 1), 'Main-Class') === '') return ''
  const values = new Map(
    versionProperties.split('\n').map((line): [string, string] => {
      const at = Math.max(line.indexOf('='), 0)
      return [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()]
    }),
  )
  const found = ['version', 'tag'].map((key) => /^v?(\d[0-9A-Za-z.\-_+]*)$/.exec(values.get(key) ?? '')?.[1])
  return found.find((value) => value !== undefined) ?? ''
}

function makePackage(main: Main, archive: Archive, location: string): FoundPackage {
  const { artifact, version, pom, manifest } = main
  const group = groupOf(main)
  const licences = pom?.licences.map(({ name, url }) => name || url) ?? []
  const said =
    licences.length > 0 ? licences : [fieldOf(manifest, 'Bundle-License'), fieldOf(manifest, 'Plugin-License-Name')]
  const words = [...new Set(said.filter((each) => each !== ''))]
  const licence = words.length === 0 ? null : joined(words)
  const jenkins =
    /\.(?:jpi|hpi)$/.test(baseName(archive)) || /^(?:io\.jenkins\.plugins|org\.jenkins-ci\.plugins)/.test(group)
  return {
    ...emptyPackage(jenkins ? 'jenkins-plugin' : 'maven', 'java-archive'),
    name: artifact,
    version: version || null,
    purl: formatPurl({ type: 'maven', namespace: group || artifact, name: artifact, version: version || undefined }),
    licence,
    licenceText: licence === null && words.length > 0 ? words.join(', ') : null,
    homepage: pom === null ? null : homepageOf(pom.url),
    locations: [location],
    properties: [
      ...(archive.path.length > 1 ? [['java:path', archive.path.join(':')] satisfies [string, string]] : []),
      // A Maven package URL needs a group. Maven's first repositories had equal names for both.
      ...(group === '' ? [['java:group', 'assumed'] satisfies [string, string]] : []),
    ],
  }
}

/** Several licences of one project are a choice (Maven's POM reference). */
function joined(words: readonly string[]): string | null {
  const parts = words.map(spdxExpression)
  return parts.some((part) => part === null) ? null : spdxExpression(parts.join(' OR '))
}

function groupOf({ group, pom, manifest }: Main): string {
  if (group !== '') return group
  if (pom !== null) {
    const own = cleanGroup(pom.group, pom.artifact) || cleanGroup(pom.parent.group, pom.parent.artifact)
    if (own !== '') return own
  }
  return groupOfManifest(manifest)
}

/** Publishers write OSGi directives behind a group, or the group into the field of the artifact. */
function cleanGroup(group: string, artifact: string): string {
  return ((group || (artifact.includes('.') ? artifact : '')).split(';')[0] ?? '').trim()
}

function baseName({ path }: Archive): string {
  const last = path.at(-1) ?? ''
  return last.slice(last.lastIndexOf('/') + 1)
}
