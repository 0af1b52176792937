import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Cataloger } from '../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../found.ts'
import { spdxExpression } from '../licence.ts'
import type { FoundPackage, Party } from '../model.ts'
import { formatPurl } from '../purl.ts'

/** Most bytes of a package.json. */
const limit = 4 << 20

interface Manifest {
  purl: string
  name: string
  version: string
  licence: string
  author: JsonValue
  homepage: string
  dependencies: string[]
}

/** npm packages by the package.json files that lie in the image, not by lock files: what is listed is what is there. */
export const npm: Cataloger<Manifest> = {
  name: 'npm',
  kind: 'npm',
  finds: 'installed',
  match: { names: ['package.json'] },
  wants: () => limit,
  read: (_file, content) => readManifest(content.toString('utf8')),
  finish: (facts) => {
    const folders = new Map([...facts].map(([path, manifest]) => [path.replace(/\/?package\.json$/, ''), manifest]))
    const purls = new Map([...folders].map(([folder, manifest]) => [folder, manifest.purl]))
    const byPurl = new Map<string, FoundPackage>()
    for (const [folder, manifest] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const { purl } = manifest
      const depends = manifest.dependencies
        .map((name) => resolveFrom(folder, name, purls))
        .filter((found) => found !== null)
      const location = folder === '' ? 'package.json' : `${folder}/package.json`
      const known = byPurl.get(purl)
      if (known === undefined) byPurl.set(purl, makePackage(manifest, location, depends))
      else {
        known.locations.push(location)
        known.dependsOn.push(...depends)
      }
    }
    for (const found of byPurl.values()) {
      found.dependsOn = [...new Set(found.dependsOn)].filter((purl) => purl !== found.purl).sort()
    }
    // Only what was installed owns its folder: an application's own package.json says nothing of what lies beside it.
    const installed = [...purls].filter(([folder]) => /(?:^|\/)node_modules\/[^/]+(?:\/[^/]+)?$/.test(folder))
    return { packages: [...byPurl.values()], folders: new Map(installed) }
  },
}

/** Null for a package.json that names no package (a mere `"type": "module"` marker). @throws when it is no JSON object */
function readManifest(text: string): Manifest | null {
  const json = JSON.parse(text.replace(/^\uFEFF/, '')) as JsonValue
  if (!isObject(json)) throw new Error('is not a JSON object')
  const { name, version } = json
  if (typeof name !== 'string' || typeof version !== 'string' || name === '' || version === '') return null
  const dependencies = json['dependencies']
  return {
    purl: purlOf(name, version),
    name,
    version,
    licence: licenceOf(json),
    author: json['author'] ?? null,
    homepage: typeof json['homepage'] === 'string' ? json['homepage'] : '',
    dependencies: isObject(dependencies) ? Object.keys(dependencies) : [],
  }
}

function licenceOf(json: JsonObject): string {
  const one = (value: JsonValue | undefined): string =>
    typeof value === 'string' ? value : isObject(value ?? null) ? text((value as JsonObject)['type']) : ''
  const single = one(json['license'])
  if (single !== '') return single
  // The form before npm 2: a list to choose from.
  const list = Array.isArray(json['licenses']) ? json['licenses'].map(one).filter((item) => item !== '') : []
  return list.length > 1 ? `(${list.join(' OR ')})` : (list[0] ?? one(json['licenses']))
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function purlOf(name: string, version: string): string {
  const scoped = /^(@[^/]+)\/(.+)$/.exec(name)
  return formatPurl({ type: 'npm', namespace: scoped?.[1], name: scoped?.[2] ?? name, version })
}

function makePackage(manifest: Manifest, location: string, dependsOn: string[]): FoundPackage {
  const licence = spdxExpression(manifest.licence)
  return {
    ...emptyPackage('npm', 'npm'),
    name: manifest.name,
    version: manifest.version,
    purl: manifest.purl,
    supplier: authorOf(manifest.author),
    licence,
    licenceText: licence === null && manifest.licence !== '' ? manifest.licence : null,
    homepage: homepageOf(manifest.homepage),
    locations: [location],
    dependsOn,
  }
}

function authorOf(author: JsonValue): Party | null {
  if (typeof author === 'string') return parseParty(author)
  if (!isObject(author) || text(author['name']).trim() === '') return null
  const party = parseParty(text(author['name']))
  const email = text(author['email'])
  return party === null ? null : { ...party, email: email === '' ? party.email : email }
}

/** Node's way of finding a dependency: node_modules of the package's own folder, then of each folder above. */
function resolveFrom(folder: string, name: string, purls: ReadonlyMap<string, string>): string | null {
  for (
    let at: string | null = folder;
    at !== null;
    at = at === '' ? null : at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : ''
  ) {
    if (at === 'node_modules' || at.endsWith('/node_modules')) continue
    const found = purls.get(at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`)
    if (found !== undefined) return found
  }
  // Debian's own place for modules.
  return purls.get(`usr/share/nodejs/${name}`) ?? null
}
