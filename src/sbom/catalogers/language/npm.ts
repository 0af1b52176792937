import { isObject, type JsonObject, type JsonValue } from '../../../base/json.ts'
import { parentOf } from '../../../tar/paths.ts'
import type { CatalogContext, Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../../found.ts'
import { declaredLicence } from '../../licence.ts'
import type { FoundPackage, OwnedFile, Party } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { isShared } from '../../shared-folders.ts'
import { at, jsonIn, nameIn, refuseDoubled, textOr, textsOr, versionIn } from '../foreign.ts'

/** Most bytes of a package.json. */
const limit = 4 << 20

export interface Manifest {
  purl: string
  name: string
  version: string | null
  licence: string
  author: JsonValue
  homepage: string
  dependencies: string[]
  /** Files beside it that it names: its entry point and its programs. */
  files: string[]
}

/** npm packages by the package.json files that lie in the image, not by lock files: what is listed is what is there. */
export const npm: Cataloger<Manifest> = {
  name: 'npm',
  kind: 'npm',
  finds: 'installed',
  match: { names: ['package.json'] },
  wants: () => limit,
  read: ({ path }, content) => {
    const manifest = readManifest(content)
    // A module is there: without a name it cannot be listed.
    if (manifest === null && isModule(folderOf(path)) && versionIn(at(jsonIn(content), 'version')) !== null)
      throw new Error('expected a name beside the version of the module, found none')
    return manifest
  },
  finish: (facts, { tree }) => {
    const folders = new Map([...facts].map(([path, manifest]) => [folderOf(path), manifest]))
    const purls = new Map([...folders].map(([folder, manifest]) => [folder, manifest.purl]))
    const byPurl = new Map<string, FoundPackage>()
    for (const [folder, manifest] of folders) {
      const depends = manifest.dependencies
        .map((name) => resolveFrom(folder, name, purls, tree))
        .filter((found) => found !== null)
      const location = folder === '' ? 'package.json' : `${folder}/package.json`
      const known = byPurl.get(manifest.purl)
      if (known === undefined) {
        const around = manifest.version === null && !isModule(folder) ? moduleAround(folder, purls) : null
        byPurl.set(manifest.purl, {
          ...npmPackage(manifest, 'npm'),
          locations: [location],
          dependsOn: depends,
          properties: around === null ? undefined : [['npm:part-of', around]],
        })
      } else {
        known.locations.push(location)
        known.dependsOn.push(...depends)
      }
    }
    for (const found of byPurl.values()) {
      found.dependsOn = [...new Set(found.dependsOn)].filter((purl) => purl !== found.purl).sort()
    }
    // Only what was installed owns its folder: an application's own package.json says nothing of what lies beside it.
    const installed = [...purls].filter(([folder]) => isModule(folder))
    const owned = [...folders].flatMap(([folder, manifest]) => (isModule(folder) ? [] : ownFiles(folder, manifest)))
    return { packages: [...byPurl.values()], folders: new Map(installed), owned }
  },
}

function folderOf(path: string): string {
  return path.replace(/\/?package\.json$/, '')
}

/** A folder that a package manager has put there: directly in a node_modules, or in Debian's own place for modules. */
function isModule(folder: string): boolean {
  return /(?:(?:^|\/)node_modules|^usr\/share\/nodejs)\/(?:@[^/]+\/)?[^@/][^/]*$/.test(folder)
}

/** The module that a folder without a version of its own is part of (one of its entry points), or null. */
function moduleAround(folder: string, purls: ReadonlyMap<string, string>): string | null {
  for (let at = parentOf(folder); at !== '.'; at = parentOf(at)) {
    const purl = isModule(at) ? purls.get(at) : undefined
    if (purl !== undefined) return purl
  }
  return null
}

/**
 * Null for a package.json that names no package (a mere `"type": "module"` marker).
 *
 * @throws Error when it is no JSON object, or its name or version is no text
 */
export function readManifest(content: Buffer): Manifest | null {
  const json = jsonIn(content)
  refuseDoubled(json, content, ['name', 'version', 'license', 'licenses', 'author', 'dependencies'])
  if (at(json, 'name') === undefined || json['name'] === '') return null
  const name = nameIn(json['name'], 'name')
  const version = versionIn(json['version'])
  return {
    purl: npmPurl(name, version),
    name,
    version,
    licence: licenceOf(json),
    author: json['author'] ?? null,
    homepage: textOr(json['homepage']),
    dependencies: ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((kind) => {
      const dependencies = json[kind]
      return isObject(dependencies) ? Object.keys(dependencies) : []
    }),
    files: [...textsOr(json['main']), ...programs(json['bin'])],
  }
}

function programs(bin: JsonValue | undefined): string[] {
  return isObject(bin) ? Object.values(bin).map(textOr) : textsOr(bin)
}

function licenceOf(json: JsonObject): string {
  const one = (value: JsonValue | undefined): string =>
    isObject(value) ? textOr(at(value, 'type') ?? at(value, 'name')) : textOr(value)
  const either = (value: JsonValue | undefined): string => {
    if (!Array.isArray(value)) return one(value)
    // The form before npm 2: a list to choose from.
    const list = value.map(one).filter((item) => item !== '')
    return list.length > 1 ? `(${list.join(' OR ')})` : (list[0] ?? '')
  }
  return either(json['license']) || either(json['licenses'])
}

/** The purl of an npm package, whose scope is its namespace. @throws Error for a name that is none */
export function npmPurl(name: string, version: string | null): string {
  const scoped = /^(@[^/]+)\/(.+)$/.exec(name)
  return formatPurl({
    type: 'npm',
    namespace: scoped?.[1],
    name: scoped?.[2] ?? name,
    version: version ?? undefined,
  })
}

/** A package as its manifest describes it, without places and dependencies. */
export function npmPackage(manifest: Manifest, cataloger: string): FoundPackage {
  return {
    ...emptyPackage('npm', cataloger),
    ...declaredLicence(manifest.licence),
    name: manifest.name,
    version: manifest.version,
    purl: manifest.purl,
    supplier: authorOf(manifest.author),
    homepage: homepageOf(manifest.homepage),
  }
}

function authorOf(author: JsonValue): Party | null {
  if (!isObject(author)) return parseParty(textOr(author))
  const party = parseParty(textOr(author['name']))
  const email = textOr(author['email'])
  return party === null ? null : { ...party, email: email === '' ? party.email : email }
}

/** Node's way of finding a dependency: node_modules of the package's own folder, then of each folder above; pnpm links them there. */
function resolveFrom(
  folder: string,
  name: string,
  purls: ReadonlyMap<string, string>,
  tree: CatalogContext['tree'],
): string | null {
  for (
    let at: string | null = folder;
    at !== null;
    at = at === '' ? null : at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : ''
  ) {
    if (at === 'node_modules' || at.endsWith('/node_modules')) continue
    const place = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`
    const found = purls.get(place) ?? (tree.get(place) === undefined ? undefined : purls.get(tree.resolve(place) ?? ''))
    if (found !== undefined) return found
  }
  // Debian's own place for modules.
  return purls.get(`usr/share/nodejs/${name}`) ?? null
}

/** A manifest in the root of the image, or in a folder of the whole system, would own any file of it. */
function ownFiles(folder: string, { files, purl }: Manifest): OwnedFile[] {
  if (isShared(folder)) return []
  return files
    .map((file) => file.replace(/^\.\//, ''))
    .filter((file) => /^[^*?[\]{}]+$/.test(file) && !file.startsWith('/') && !file.split('/').includes('..'))
    .map((file) => ({ path: `${folder}/${file}`, purl }))
}
