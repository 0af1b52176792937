import type { JsonObject, JsonValue } from '../../../base/json.ts'
import type { FoundPackage } from '../../model.ts'
import { conanPackage } from '../conan-reference.ts'
import { at, items, jsonIn, members, objectIn, textIn, textOr, textsOr } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { link, lockFile, partly, type Linked, type Partly } from './lock.ts'
import { packageFound } from './package-found.ts'

/** conan.lock of Conan 1 and 2. */
export const conanLock = lockFile({
  name: 'conan-lock',
  kind: 'conan',
  match: { names: ['conan.lock'] },
  read: (content) => {
    const lock = jsonIn(content)
    const nodes = at(lock, 'graph_lock', 'nodes')
    const losses = new Losses()
    if (nodes !== undefined) return partly(graph(nodes, losses), losses)
    if (at(lock, 'version') === undefined) throw new Error('expected "version"')
    const scopes = { requires: undefined, build_requires: 'build', python_requires: 'build' } as const
    const packages = (['requires', 'build_requires', 'python_requires'] as const).flatMap((kind) =>
      items(at(lock, kind), kind).flatMap((reference, i) => {
        const found = losses.try(textOr(reference) || `${kind}[${i}]`, () => required(textOr(reference)))
        return found === undefined ? [] : [{ ...found, scope: scopes[kind] }]
      }),
    )
    return partly(packages, losses)
  },
})

function required(reference: string, cataloger = 'conan-lock'): FoundPackage {
  const found = conanPackage(cataloger, reference)
  if (found === null) throw new Error('expected name/version')
  return found
}

function graph(nodes: JsonValue, losses: Losses): FoundPackage[] {
  const purls = new Map<string, string>()
  const entries: Linked[] = []
  for (const [key, node] of members(nodes, 'nodes')) {
    const reference = at(node, 'ref')
    // The project itself has no reference where it is a conanfile.txt, and none with a version where its recipe has none.
    if (key === '0' && (reference === undefined || conanPackage('conan-lock', textOr(reference)) === null)) continue
    const found = losses.try(key, () => required(textOr(at(objectIn(node), 'ref'))))
    if (found === undefined) continue
    purls.set(key, found.purl)
    if (textOr(at(node, 'context')) === 'build') found.scope = 'build'
    entries.push({ found, needs: textsOr(at(node, 'requires')) })
  }
  return link(entries, (need) => purls.get(need))
}

/** conanfile.txt: what a project asks for. */
export const conanFile = lockFile({
  name: 'conanfile',
  kind: 'conan',
  match: { names: ['conanfile.txt'] },
  read: (content): FoundPackage[] | Partly => {
    const packages: FoundPackage[] = []
    let section = ''
    const losses = new Losses()
    for (const raw of textIn(content).split(/\r?\n/)) {
      const line = raw.replace(/(?:^|\s)#.*$/, '').trim()
      const header = /^\[(\w+)\]$/.exec(line)?.[1]
      if (header !== undefined) section = header
      else if (line !== '' && /^(?:requires|build_requires|tool_requires|test_requires)$/.test(section)) {
        const found = losses.try(line, () => required(line, 'conanfile'))
        if (found !== undefined)
          packages.push({
            ...found,
            scope: section === 'requires' ? undefined : section === 'test_requires' ? 'development' : 'build',
          })
      }
    }
    return partly(packages, losses)
  },
})

/** vcpkg.json: the project and what it asks for. Versions come from a registry, unless the project overrides them. */
export const vcpkg = lockFile({
  name: 'vcpkg',
  kind: 'vcpkg',
  match: { names: ['vcpkg.json'] },
  read: (content) => {
    const manifest = jsonIn(content)
    const losses = new Losses()
    const overrides = new Map(
      items(at(manifest, 'overrides'), 'overrides').map((one) => [textOr(at(one, 'name')), versionOf(one)]),
    )
    const needed = items(at(manifest, 'dependencies'), 'dependencies').flatMap((one, i) => {
      const name = typeof one === 'string' ? one : textOr(at(one, 'name'))
      const version = overrides.get(name) ?? null
      const scope = at(one, 'host') === true ? 'build' : undefined
      return losses.try(name || `dependencies[${i}]`, () => portPackage(name, version, scope)) ?? []
    })
    const own = at(manifest, 'name')
    if (own === undefined) return partly(needed, losses)
    const root = losses.try('name', () => portPackage(textOr(own), versionOf(manifest), undefined))
    if (root === undefined) return partly(needed, losses)
    return partly([{ ...root, dependsOn: [...new Set(needed.map(({ purl }) => purl))].sort() }, ...needed], losses)
  },
})

function portPackage(name: string, version: PortVersion | null, scope: FoundPackage['scope']): FoundPackage {
  return packageFound('vcpkg', 'vcpkg', {
    name,
    version: version?.text ?? null,
    qualifiers: portOf(version),
    scope,
  })
}

interface PortVersion {
  text: string
  port: number
}

/** One of four members, by the way in which versions are compared. */
function versionOf(of: JsonValue | JsonObject): PortVersion | null {
  const kinds = ['version', 'version-semver', 'version-date', 'version-string']
  const text = kinds.map((kind) => textOr(at(of, kind))).find((one) => one !== '') ?? ''
  const [plain = '', behind] = text.split('#')
  const port = at(of, 'port-version')
  return plain === '' ? null : { text: plain, port: typeof port === 'number' ? port : Number(behind ?? 0) }
}

function portOf(version: PortVersion | null): Record<string, string | undefined> {
  return { port_version: version === null || !(version.port > 0) ? undefined : String(version.port) }
}
