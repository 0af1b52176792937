import type { JsonObject, JsonValue } from '../../../../base/json.ts'
import { readToml } from '../../../../encoding/toml.ts'
import type { FoundPackage } from '../../../model.ts'
import { at, items, members, nameIn, objectIn, textIn, textOr, textsOr, versionIn } from '../../foreign.ts'
import { pypiName, requirementName } from '../../language/python/metadata.ts'
import { Losses } from '../../losses.ts'
import { byName, linkAll, lockFile, markDevelopment, partly, type Linked } from '../lock.ts'
import { archiveSums, pypiFound, vcsUrl } from './pypi-found.ts'

/** poetry.lock of every version: since 1.5 the archives stand with their package, before in a table at the end. */
export const poetry = lockFile({
  name: 'poetry-lock',
  kind: 'pypi',
  match: { names: ['poetry.lock'] },
  read: (content) => {
    const lock = lockOf(content)
    const losses = new Losses()
    const entries = eachPackage(lock, losses, (entry): Linked => {
      const name = textOr(at(entry, 'name'))
      const source = at(entry, 'source')
      const isGit = textOr(at(source, 'type')) === 'git'
      return {
        found: pypiFound('poetry-lock', name, nameIn(at(entry, 'version'), 'version'), {
          checksums: archiveSums(at(entry, 'files') ?? at(lock, 'metadata', 'files', name), 'files'),
          scope: poetryScope(entry),
          vcsUrl: isGit ? vcsUrl(textOr(at(source, 'url')), textOr(at(source, 'resolved_reference'))) : undefined,
        }),
        needs: members(at(entry, 'dependencies'), 'dependencies').map(([need]) => pypiName(need)),
      }
    })
    return partly(linkAll(entries), losses)
  },
})

/** `category` until Poetry 1.4, `groups` since 2.0. */
function poetryScope(entry: JsonValue): FoundPackage['scope'] {
  const groups = textsOr(at(entry, 'groups'))
  if (textOr(at(entry, 'category')) === 'dev' || (groups.length > 0 && !groups.includes('main'))) return 'development'
  return at(entry, 'optional') === true ? 'optional' : undefined
}

/** uv.lock, and the lock file of a script (`name.py.lock`). */
export const uv = lockFile({
  name: 'uv-lock',
  kind: 'pypi',
  match: { names: ['uv.lock'], extensions: ['lock'] },
  when: ({ name }) => name === 'uv.lock' || name.endsWith('.py.lock'),
  read: (content) => {
    const losses = new Losses()
    const [running, developing]: [string[], string[]] = [[], []]
    const entries = eachPackage(lockOf(content), losses, (entry): Linked => {
      const [found, isOwn] = uvPackage(entry)
      const needs = (kind: string): string[] =>
        members(at(entry, kind), kind).flatMap(([, list]) => items(list, kind).map(uvNeed))
      const own = items(at(entry, 'dependencies'), 'dependencies').map(uvNeed)
      const optional = needs('optional-dependencies')
      const development = needs('dev-dependencies')
      if (isOwn) {
        running.push(...own, ...optional)
        developing.push(...development)
      }
      return { found, needs: [...own, ...optional, ...(isOwn ? development : [])] }
    })
    const packages = linkAll(entries)
    // Marked from what the project's own packages ask for, not from them: they need both.
    const purls = byName(entries)
    const purlsOf = (needs: readonly string[]): string[] => needs.flatMap((need) => purls.get(need) ?? [])
    markDevelopment(packages, purlsOf(running), purlsOf(developing))
    return partly(packages, losses)
  },
})

function uvPackage(entry: JsonValue): [FoundPackage, isOwn: boolean] {
  const source = at(entry, 'source')
  const git = textOr(at(source, 'git'))
  const [address = '', commit = ''] = git.split('#')
  const isOwn = ['editable', 'virtual', 'directory', 'workspace'].some((kind) => at(source, kind) !== undefined)
  // The project's own version may be computed when it is built.
  const version = isOwn ? versionIn(at(entry, 'version')) : nameIn(at(entry, 'version'), 'version')
  const found = pypiFound('uv-lock', at(entry, 'name'), version, {
    checksums: [...archiveSums([at(entry, 'sdist') ?? null], 'sdist'), ...archiveSums(at(entry, 'wheels'), 'wheels')],
    vcsUrl: vcsUrl(address.replace(/\?.*$/, ''), commit),
  })
  return [found, isOwn]
}

function uvNeed(need: JsonValue): string {
  return pypiName(textOr(at(need, 'name')))
}

/** pdm.lock: a package that is used with extras stands there once more. */
export const pdm = lockFile({
  name: 'pdm-lock',
  kind: 'pypi',
  match: { names: ['pdm.lock'] },
  read: (content) => {
    const lock = lockOf(content)
    const losses = new Losses()
    const found = new Map<string, { found: FoundPackage; needs: string[] }>()
    eachPackage(lock, losses, (entry) => {
      const groups = textsOr(at(entry, 'groups'))
      const isGit = textOr(at(entry, 'git'))
      // Before PDM 2.11 the archives stood in a table at the end.
      const [name, version] = [textOr(at(entry, 'name')), nameIn(at(entry, 'version'), 'version')]
      const files = at(entry, 'files') ?? at(lock, 'metadata', 'files', `${name} ${version}`)
      const one = pypiFound('pdm-lock', name, version, {
        checksums: archiveSums(files, 'files'),
        scope: groups.length > 0 && !groups.includes('default') ? 'optional' : undefined,
        vcsUrl: vcsUrl(isGit, textOr(at(entry, 'revision'))),
      })
      const known = found.get(one.purl) ?? { found: one, needs: [] }
      known.needs.push(...textsOr(at(entry, 'dependencies')).flatMap((need) => requirementName(need) ?? []))
      if (one.scope === undefined) known.found.scope = undefined
      found.set(one.purl, known)
    })
    return partly(linkAll([...found.values()]), losses)
  },
})

/** What `read` makes of each package; one that cannot be read costs itself. */
function eachPackage<T>(lock: JsonObject, losses: Losses, read: (entry: JsonObject) => T): T[] {
  return items(at(lock, 'package'), 'package').flatMap((entry, i) => {
    const one = losses.try(textOr(at(entry, 'name')) || `package ${i + 1}`, () => [read(objectIn(entry))])
    return one ?? []
  })
}

/** @throws Error for a file without a table of packages: all of them have one, if only an empty one */
function lockOf(content: Buffer): JsonObject {
  const lock = readToml(textIn(content))
  if (at(lock, 'package') === undefined && at(lock, 'metadata') === undefined && at(lock, 'version') === undefined)
    throw new Error('expected [[package]]')
  return lock
}
