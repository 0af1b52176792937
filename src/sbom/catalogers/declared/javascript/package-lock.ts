import type { JsonObject, JsonValue } from '../../../../base/json.ts'
import type { FoundPackage } from '../../../model.ts'
import { at, jsonIn, members, objectIn, shownText, textOr, versionIn } from '../../foreign.ts'
import { integrityOf } from '../../sums.ts'
import { Losses } from '../../losses.ts'
import { link, lockFile, partly, type Linked } from '../lock.ts'
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
    const losses = new Losses()
    if (packages !== undefined) return partly(fromPlaces(json, new Map(members(packages, 'packages')), losses), losses)
    const dependencies = at(json, 'dependencies')
    if (dependencies === undefined && at(json, 'lockfileVersion') === undefined && at(json, 'name') === undefined)
      throw new Error('expected "packages" or "dependencies"')
    return partly(fromTree(json, dependencies, losses), losses)
  },
})

/** Versions 2 and 3: every package by the folder that it is put into. */
function fromPlaces(json: JsonObject, places: ReadonlyMap<string, JsonValue>, losses: Losses): FoundPackage[] {
  const purls = new Map<string, string>()
  const entries: Linked[] = []
  const folders: string[] = []
  const read = (place: string, raw: JsonValue): void => {
    const entry = objectIn(raw)
    const own = nameOf(json, place, entry)
    // A link stands for a folder that is listed itself; the project itself may have no name.
    if (at(entry, 'link') === true || (own === '' && place === '')) return
    const found = npmFound(name, own, versionIn(at(entry, 'version')), {
      checksums: integrityOf(textOr(at(entry, 'integrity'))),
      licence: textOr(at(entry, 'license')),
      scope: scopeOf(entry),
    })
    const needs = [
      'dependencies',
      'optionalDependencies',
      'peerDependencies',
      ...(isOwn(place) ? ['devDependencies'] : []),
    ].flatMap((kind) => members(at(entry, kind), kind).map(([need]) => need))
    purls.set(place, found.purl)
    folders.push(place)
    entries.push({ found, needs })
  }
  for (const [place, entry] of places) losses.try(place, () => read(place, entry))
  for (const [place, entry] of places) {
    if (at(entry, 'link') !== true) continue
    const folder = textOr(at(entry, 'resolved'))
    const target = purls.get(folder)
    if (target !== undefined) purls.set(place, target)
    else if (!places.has(folder)) losses.add(place, `a link to ${shownText(folder)}, which is not listed`)
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
function fromTree(json: JsonObject, dependencies: JsonValue | undefined, losses: Losses): FoundPackage[] {
  const entries: Linked[] = []
  const scopes = new Map<FoundPackage, Map<string, string>[]>()
  const walk = (tree: JsonValue | undefined, above: Map<string, string>[], depth: number): Map<string, string>[] => {
    if (depth > 60) throw new Error('dependencies nest more than 60 levels')
    const here = new Map<string, string>()
    const scope = [...above, here]
    const read = (key: string, raw: JsonValue): void => {
      const entry = objectIn(raw)
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
      const needs = members(ignoreFlag(at(entry, 'requires')), 'requires').map(([need]) => need)
      here.set(key, found.purl)
      entries.push({ found, needs })
      const below = at(entry, 'dependencies')
      const inner = below === undefined ? scope : losses.try(key, () => walk(below, scope, depth + 1))
      scopes.set(found, inner ?? scope)
    }
    for (const [key, entry] of members(tree, 'dependencies')) losses.try(key, () => read(key, entry))
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
  const root = losses.try(own, () => npmFound(name, own, versionIn(at(json, 'version'))))
  return root === undefined ? packages : [root, ...packages]
}

/** npm 5 wrote `"requires": true` at the top, and npm 4 lists. */
function ignoreFlag(value: JsonValue | undefined): JsonValue | undefined {
  return typeof value === 'boolean' || Array.isArray(value) ? undefined : value
}
