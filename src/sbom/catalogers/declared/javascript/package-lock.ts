import type { JsonObject, JsonValue } from '../../../../base/json.ts'
import type { FoundPackage } from '../../../model.ts'
import { at, jsonIn, members, textOr, versionIn } from '../../foreign.ts'
import { integrityOf } from '../../sums.ts'
import { link, lockFile, type Linked } from '../lock.ts'
import { npmFound, registryVersion, splitAt } from './npm-found.ts'

const name = 'npm-lock'

/** npm's package-lock.json and npm-shrinkwrap.json, versions 1 to 3. */
export const packageLock = lockFile({
  name,
  kind: 'npm',
  match: { names: ['package-lock.json', 'npm-shrinkwrap.json'] },
  read: (content) => {
    const json = jsonIn(content)
    const packages = at(json, 'packages')
    if (packages !== undefined) return fromPlaces(json, new Map(members(packages, 'packages')))
    const dependencies = at(json, 'dependencies')
    if (dependencies === undefined && at(json, 'lockfileVersion') === undefined && at(json, 'name') === undefined)
      throw new Error('expected "packages" or "dependencies"')
    return fromTree(json, dependencies)
  },
})

/** Versions 2 and 3: every package by the folder that it is put into. */
function fromPlaces(json: JsonObject, places: ReadonlyMap<string, JsonValue>): FoundPackage[] {
  const purls = new Map<string, string>()
  const entries: Linked[] = []
  const folders: string[] = []
  for (const [place, entry] of places) {
    const own = nameOf(json, place, entry)
    // A link stands for a folder that is listed itself.
    if (at(entry, 'link') === true || own === '') continue
    const found = npmFound(name, own, versionIn(at(entry, 'version')), {
      checksums: integrityOf(textOr(at(entry, 'integrity'))),
      licence: textOr(at(entry, 'license')),
      scope: scopeOf(entry),
    })
    purls.set(place, found.purl)
    folders.push(place)
    entries.push({
      found,
      needs: [
        'dependencies',
        'optionalDependencies',
        'peerDependencies',
        ...(isOwn(place) ? ['devDependencies'] : []),
      ].flatMap((kind) => members(at(entry, kind), kind).map(([need]) => need)),
    })
  }
  for (const [place, entry] of places) {
    const target = purls.get(textOr(at(entry, 'resolved')))
    if (at(entry, 'link') === true && target !== undefined) purls.set(place, target)
  }
  const folderOf = new Map(entries.map(({ found }, i) => [found, folders[i] ?? '']))
  return link(entries, (need, found) => resolve(folderOf.get(found) ?? '', need, purls))
}

/** The project itself and its workspaces. */
function isOwn(place: string): boolean {
  return !/(?:^|\/)node_modules\//.test(place)
}

function nameOf(json: JsonObject, place: string, entry: JsonValue): string {
  const own = textOr(at(entry, 'name'))
  if (own !== '') return own
  if (place === '') return textOr(at(json, 'name'))
  const start = place.lastIndexOf('node_modules/')
  return start === -1 ? (place.split('/').at(-1) ?? '') : place.slice(start + 'node_modules/'.length)
}

function scopeOf(entry: JsonValue): FoundPackage['scope'] {
  if (at(entry, 'dev') === true) return 'development'
  return at(entry, 'optional') === true || at(entry, 'devOptional') === true ? 'optional' : undefined
}

/** Node looks into node_modules of the folder itself, then of each folder above it. */
function resolve(place: string, need: string, purls: ReadonlyMap<string, string>): string | undefined {
  for (let folder = place; ;) {
    const found = purls.get(folder === '' ? `node_modules/${need}` : `${folder}/node_modules/${need}`)
    if (found !== undefined || folder === '') return found
    const up = folder.lastIndexOf('/node_modules/')
    folder =
      up === -1
        ? isOwn(folder) && folder.includes('/')
          ? folder.slice(0, folder.lastIndexOf('/'))
          : ''
        : folder.slice(0, up)
  }
}

/** Version 1: dependencies below their users, where not every one can share a version. */
function fromTree(json: JsonObject, dependencies: JsonValue | undefined): FoundPackage[] {
  const entries: Linked[] = []
  const scopes = new Map<FoundPackage, Map<string, string>[]>()
  const walk = (tree: JsonValue | undefined, above: Map<string, string>[], depth: number): Map<string, string>[] => {
    if (depth > 60) throw new Error('dependencies nest more than 60 levels')
    const here = new Map<string, string>()
    const scope = [...above, here]
    for (const [key, entry] of members(tree, 'dependencies')) {
      const version = versionIn(at(entry, 'version')) ?? ''
      // An alias: `"version": "npm:real-name@1.0.0"`.
      const real = version.startsWith('npm:') ? splitAt(version.slice('npm:'.length)) : null
      const found = npmFound(
        name,
        real?.[0] ?? key.replace(/^.*node_modules\//, ''),
        registryVersion(real?.[1] ?? version),
        {
          checksums: integrityOf(textOr(at(entry, 'integrity'))),
          scope: scopeOf(entry),
        },
      )
      here.set(key, found.purl)
      entries.push({ found, needs: members(ignoreFlag(at(entry, 'requires')), 'requires').map(([need]) => need) })
      const below = at(entry, 'dependencies')
      const inner = below === undefined ? scope : walk(below, scope, depth + 1)
      scopes.set(found, inner)
    }
    return scope
  }
  walk(dependencies, [], 0)
  const packages = link(entries, (need, found) =>
    scopes
      .get(found)
      ?.findLast((level) => level.has(need))
      ?.get(need),
  )
  const own = textOr(at(json, 'name'))
  if (own === '') return packages
  // Version 1 does not say which packages the project itself asks for.
  return [npmFound(name, own, versionIn(at(json, 'version'))), ...packages]
}

/** npm 5 wrote `"requires": true` at the top, and npm 4 lists. */
function ignoreFlag(value: JsonValue | undefined): JsonValue | undefined {
  return typeof value === 'boolean' || Array.isArray(value) ? undefined : value
}
