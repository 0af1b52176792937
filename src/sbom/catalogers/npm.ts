import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { PassReader } from '../../image/types.ts'
import { spdxExpression } from '../licence.ts'
import type { FoundPackage, Party, Unreadable } from '../model.ts'
import { formatPurl } from '../purl.ts'
import { parseParty } from './dpkg.ts'

/** Most bytes of a package.json. */
const limit = 4 << 20

interface Manifest {
  name: string
  version: string
  licence: string
  author: JsonValue
  homepage: string
  dependencies: string[]
}

/** Finds npm packages by the package.json files that lie in the image, not by lock files: what is listed is what is there. */
export class NpmCataloger implements PassReader {
  /** By folder. */
  private readonly manifests = new Map<string, Manifest>()
  private readonly broken = new Map<string, string>()

  wants({ path, size }: { path: string; size: number }): number {
    return path === 'package.json' || path.endsWith('/package.json') ? Math.min(Math.max(size, 1), limit) : 0
  }

  file({ path, size }: { path: string; size: number }, content: Buffer): void {
    const folder = path.slice(0, Math.max(0, path.length - '/package.json'.length))
    try {
      if (content.length < size) throw new Error(`is larger than ${limit} bytes`)
      const manifest = readManifest(content.toString('utf8'))
      if (manifest !== null) this.manifests.set(folder, manifest)
    } catch (error) {
      this.broken.set(path, error instanceof Error ? error.message : String(error))
    }
  }

  forget(path: string): void {
    this.manifests.delete(path.slice(0, -'/package.json'.length))
    this.broken.delete(path)
  }

  /** One package for each name and version, with all its places; what could not be read is told. */
  finish(): { packages: FoundPackage[]; unreadable: Unreadable[] } {
    const purls = new Map([...this.manifests].map(([folder, manifest]) => [folder, purlOf(manifest)]))
    const byPurl = new Map<string, FoundPackage>()
    for (const [folder, manifest] of [...this.manifests].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const purl = purls.get(folder) as string
      const depends = manifest.dependencies
        .map((name) => resolveFrom(folder, name, purls))
        .filter((found) => found !== null)
      const location = folder === '' ? 'package.json' : `${folder}/package.json`
      const known = byPurl.get(purl)
      if (known === undefined) byPurl.set(purl, makePackage(manifest, purl, location, depends))
      else {
        known.locations.push(location)
        known.dependsOn.push(...depends)
      }
    }
    for (const found of byPurl.values()) {
      found.dependsOn = [...new Set(found.dependsOn)].filter((purl) => purl !== found.purl).sort()
    }
    const unreadable = [...this.broken].map(([path, why]) => ({ path, why }))
    return { packages: [...byPurl.values()], unreadable: unreadable.sort((a, b) => (a.path < b.path ? -1 : 1)) }
  }
}

/** Null for a package.json that names no package (a mere `"type": "module"` marker). @throws when it is no JSON object */
function readManifest(text: string): Manifest | null {
  const json = JSON.parse(text.replace(/^\uFEFF/, '')) as JsonValue
  if (!isObject(json)) throw new Error('is not a JSON object')
  const { name, version } = json
  if (typeof name !== 'string' || typeof version !== 'string' || name === '' || version === '') return null
  const dependencies = json['dependencies']
  return {
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

function purlOf({ name, version }: Manifest): string {
  const scoped = /^(@[^/]+)\/(.+)$/.exec(name)
  return formatPurl({ type: 'npm', namespace: scoped?.[1], name: scoped?.[2] ?? name, version })
}

function makePackage(manifest: Manifest, purl: string, location: string, dependsOn: string[]): FoundPackage {
  const licence = spdxExpression(manifest.licence)
  return {
    type: 'npm',
    name: manifest.name,
    version: manifest.version,
    purl,
    supplier: authorOf(manifest.author),
    licence,
    licenceText: licence === null && manifest.licence !== '' ? manifest.licence : null,
    homepage: /^https?:\/\/\S+$/.test(manifest.homepage) ? manifest.homepage : null,
    locations: [location],
    ownedBy: null,
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
