import type { JsonObject, JsonValue } from '../../../base/json.ts'
import type { FoundPackage } from '../../model.ts'
import { conanPackage } from '../conan-reference.ts'
import { at, items, jsonIn, jsonValueIn, members, textIn, textOr, textsOr } from '../foreign.ts'
import { link, lockFile, type Linked, type Partly } from './lock.ts'
import { packageFound } from './package-found.ts'

/** conan.lock of Conan 1 and 2. */
export const conanLock = lockFile({
  name: 'conan-lock',
  kind: 'conan',
  match: { names: ['conan.lock'] },
  read: (content) => {
    const lock = jsonIn(content)
    const nodes = at(lock, 'graph_lock', 'nodes')
    if (nodes !== undefined) return graph(nodes)
    if (at(lock, 'version') === undefined) throw new Error('expected "version"')
    const scopes = { requires: undefined, build_requires: 'build', python_requires: 'build' } as const
    return (['requires', 'build_requires', 'python_requires'] as const).flatMap((kind) =>
      items(at(lock, kind), kind).map((reference) => ({ ...required(textOr(reference)), scope: scopes[kind] })),
    )
  },
})

function required(reference: string): FoundPackage {
  const found = conanPackage('conan-lock', reference)
  if (found === null) throw new Error(`expected name/version, found "${reference.slice(0, 100)}"`)
  return found
}

function graph(nodes: JsonValue): FoundPackage[] {
  const purls = new Map<string, string>()
  const entries: Linked[] = []
  for (const [key, node] of members(nodes, 'nodes')) {
    const found = conanPackage('conan-lock', textOr(at(node, 'ref')))
    // The project itself has no reference where it is a conanfile.txt.
    if (found === null) continue
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
    let why: string | null = null
    for (const raw of textIn(content).split(/\r?\n/)) {
      const line = raw.replace(/(?:^|\s)#.*$/, '').trim()
      const header = /^\[(\w+)\]$/.exec(line)?.[1]
      if (header !== undefined) section = header
      else if (line !== '' && /^(?:requires|build_requires|tool_requires|test_requires)$/.test(section)) {
        const found = conanPackage('conanfile', line)
        if (found === null) why ??= `"${line.slice(0, 100)}" is not a reference`
        else
          packages.push({
            ...found,
            scope: section === 'requires' ? undefined : section === 'test_requires' ? 'development' : 'build',
          })
      }
    }
    return why === null ? packages : { packages, why }
  },
})

/** vcpkg.json: the project and what it asks for. Versions come from a registry, unless the project overrides them. */
export const vcpkg = lockFile({
  name: 'vcpkg',
  kind: 'vcpkg',
  match: { names: ['vcpkg.json'] },
  read: (content) => {
    const manifest = jsonValueIn(content)
    const overrides = new Map(
      items(at(manifest, 'overrides'), 'overrides').map((one) => [textOr(at(one, 'name')), versionOf(one)]),
    )
    const needed = items(at(manifest, 'dependencies'), 'dependencies').map((one) => {
      const name = typeof one === 'string' ? one : textOr(at(one, 'name'))
      const version = overrides.get(name) ?? null
      const scope = at(one, 'host') === true ? 'build' : undefined
      return packageFound('vcpkg', 'vcpkg', {
        name,
        version: version?.text ?? null,
        qualifiers: portOf(version),
        scope,
      })
    })
    const own = textOr(at(manifest, 'name'))
    if (own === '') return needed
    const version = versionOf(manifest)
    const root = packageFound('vcpkg', 'vcpkg', {
      name: own,
      version: version?.text ?? null,
      qualifiers: portOf(version),
    })
    return [{ ...root, dependsOn: [...new Set(needed.map(({ purl }) => purl))].sort() }, ...needed]
  },
})

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
