import type { JsonObject, JsonValue } from '../../../base/json.ts'
import type { Cataloged, Cataloger, FileHead } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { FoundPackage, Gap, OwnedFile } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { isShared } from '../../shared-folders.ts'
import { at, jsonIn, members, nameIn, textOr } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { integrityOf } from '../sums.ts'
import { npmPurl } from './npm.ts'

interface Library {
  name: string
  version: string
  checksums: FoundPackage['checksums']
  /** `name/version` of what it needs. */
  needs: string[]
  /** Files that it brings, from the folder of the deps.json. */
  files: string[]
}

type Fact = ({ is: 'deps'; libraries: Library[] } | { is: 'libman'; scripts: { name: string; version: string }[] }) & {
  /** Entries that cannot be read. */
  lost: string | null
}

const limit = 32 << 20

/** NuGet packages of .NET applications and runtimes by their `*.deps.json`, and the scripts that LibMan has put beside them. */
export const dotnet: Cataloger<Fact> = {
  name: 'dotnet-deps',
  kind: 'nuget',
  finds: 'installed',
  match: { extensions: ['json'] },
  wants: ({ name }) => (name.endsWith('.deps.json') || name === 'libman.json' ? limit : 0),
  read: (file, content) =>
    file.name === 'libman.json' ? readLibman(jsonIn(content)) : readDeps(file, jsonIn(content)),
  finish: (facts) => catalogued(facts),
}

function readDeps({ name: file }: FileHead, json: JsonObject): Fact {
  const libraries = new Map(members(at(json, 'libraries'), 'libraries'))
  const found = new Map<string, Library>()
  const losses = new Losses()
  for (const [name, target] of members(at(json, 'targets'), 'targets')) {
    for (const [key, assets] of losses.try(name, () => members(target, 'target')) ?? []) {
      const one = losses.try(key, () => readLibrary(key, libraries.get(key), assets))
      if (one === undefined) continue
      const known = found.get(key)
      known?.needs.push(...one.needs)
      known?.files.push(...one.files)
      if (known === undefined) found.set(key, one)
    }
  }
  if (libraries.size === 0 && found.size === 0 && losses.why === null)
    throw new Error('expected "libraries" and "targets"')
  const bringing = bringers(found)
  const own = file.replace(/\.deps\.json$/, '')
  return {
    is: 'deps',
    lost: losses.why,
    libraries: [...found].flatMap(([key, library]) => {
      const kind = textOr(at(libraries.get(key), 'type'))
      // Other projects of the same solution are part of the application; reference assemblies come with the runtime; what brings no file is
      // not in the image.
      const listed = kind === 'project' ? library.name === own : kind !== 'referenceassembly' && bringing.has(key)
      return listed ? [library] : []
    }),
  }
}

/** A library as one target has it. @throws Error where it cannot be read */
function readLibrary(key: string, library: JsonValue | undefined, assets: JsonValue): Library {
  const slash = key.indexOf('/')
  return {
    name: nameIn(slash === -1 ? key : key.slice(0, slash), 'name'),
    version: nameIn(slash === -1 ? undefined : key.slice(slash + 1), 'version'),
    checksums: integrityOf(textOr(at(library, 'sha512'))),
    needs: members(at(assets, 'dependencies'), 'dependencies').map(([name, v]) => `${name}/${textOr(v)}`),
    files: ['runtime', 'resources', 'compile', 'native'].flatMap((kind) => filesOf(assets, kind)),
  }
}

/** Assets are named by their place in the package; they are installed without its `lib/<framework>/`. */
function filesOf(assets: JsonValue, kind: string): string[] {
  return members(at(assets, kind), kind)
    .map(([path]) => path.replace(/^(?:runtimes\/[^/]+\/)?lib\/[^/]+\//, ''))
    .filter((path) => !path.startsWith('/') && !path.split('/').includes('..'))
}

/** Libraries that bring a file, or need one that does: a meta package is its parts. */
function bringers(libraries: ReadonlyMap<string, Library>): Set<string> {
  const users = new Map<string, string[]>()
  for (const [key, { needs }] of libraries)
    for (const need of needs) {
      const known = users.get(need)
      if (known === undefined) users.set(need, [key])
      else known.push(key)
    }
  const found = new Set([...libraries].filter(([, { files }]) => files.length > 0).map(([key]) => key))
  // A set goes on with what is added while it is walked through.
  for (const key of found) for (const user of users.get(key) ?? []) found.add(user)
  return found
}

function readLibman(json: JsonObject): Fact {
  const list = at(json, 'libraries')
  const losses = new Losses()
  const scripts = (Array.isArray(list) ? list : []).flatMap((entry, i) => {
    const provider = textOr(at(entry, 'provider')) || textOr(at(json, 'defaultProvider'))
    if (provider === 'filesystem') return []
    const library = textOr(at(entry, 'library'))
    const [, name, version] = /^(.[^@]{0,200})@([^@]{1,100})$/.exec(library) ?? []
    if (name !== undefined && version !== undefined) return [{ name, version }]
    losses.add(library || `libraries[${i}]`, 'expected a library as NAME@VERSION')
    return []
  })
  return { is: 'libman', scripts, lost: losses.why }
}

function catalogued(facts: ReadonlyMap<string, Fact>): Cataloged {
  const packages: FoundPackage[] = []
  const owned: OwnedFile[] = []
  const gaps: Gap[] = []
  const lose = (path: string, { lost }: Fact): void => {
    if (lost !== null) gaps.push({ path, kind: 'nuget', reason: 'unreadable', why: lost })
  }
  for (const [path, fact] of facts) {
    const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : ''
    const isOwn = !isShared(folder)
    if (fact.is === 'deps') {
      lose(path, fact)
      const keys = new Map(fact.libraries.map(({ name, version }) => [`${name}/${version}`, nugetPurl(name, version)]))
      for (const library of fact.libraries) {
        const purl = nugetPurl(library.name, library.version)
        packages.push({ ...makePackage(library, purl, keys), locations: [path] })
        // In a folder of the whole system its names are those of anybody's files.
        if (isOwn) owned.push(...library.files.map((file) => ({ path: `${folder}${file}`, purl })))
      }
      continue
    }
    // Without an application beside it, it asks for scripts that nobody has fetched.
    const beside = [...facts].some(
      ([other, { is }]) => is === 'deps' && other.startsWith(folder) && !other.slice(folder.length).includes('/'),
    )
    if (!beside) continue
    lose(path, fact)
    for (const { name, version } of fact.scripts)
      packages.push({
        ...emptyPackage('npm', 'dotnet-deps'),
        name,
        version,
        purl: npmPurl(name, version),
        locations: [path],
      })
  }
  return { packages, owned, gaps }
}

function makePackage(
  { name, version, checksums, needs }: Library,
  purl: string,
  keys: ReadonlyMap<string, string>,
): FoundPackage {
  return {
    ...emptyPackage('nuget', 'dotnet-deps'),
    name,
    version,
    purl,
    checksums: checksums?.length === 0 ? undefined : checksums,
    dependsOn: [...new Set(needs.flatMap((key) => keys.get(key) ?? []))].filter((one) => one !== purl).sort(),
  }
}

export function nugetPurl(name: string, version: string | null): string {
  return formatPurl({ type: 'nuget', name, version: version ?? undefined })
}
