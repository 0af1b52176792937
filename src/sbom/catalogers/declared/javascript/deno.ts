import type { JsonValue } from '../../../../base/json.ts'
import type { FoundPackage } from '../../../model.ts'
import { emptyPackage } from '../../../found.ts'
import { formatPurl } from '../../../purl.ts'
import { at, jsonIn, members, nameIn, objectIn, textOr, textsOr } from '../../foreign.ts'
import { integrityOf, sumsOf } from '../../sums.ts'
import { Losses } from '../../losses.ts'
import { link, lockFile, partly, type Linked } from '../lock.ts'
import { npmFound, splitAt } from './npm-found.ts'

const name = 'deno-lock'

/** deno.lock, versions 2 to 5: packages of npm and of JSR. */
export const deno = lockFile({
  name,
  kind: 'npm',
  match: { names: ['deno.lock'] },
  read: (content) => {
    const json = jsonIn(content)
    if (textOr(at(json, 'version')) === '' && at(json, 'remote') === undefined) throw new Error('expected "version"')
    // Version 2 and 3 have one more level, and version 2 another one below it.
    const groups = at(json, 'packages') ?? json
    const npm = at(json, 'npm', 'packages') ?? at(groups, 'npm')
    const losses = new Losses()
    return partly([...npmPackages(npm, losses), ...jsrPackages(at(groups, 'jsr'), losses)], losses)
  },
})

function npmPackages(group: JsonValue | undefined, losses: Losses): FoundPackage[] {
  const purls = new Map<string, string>()
  const read = (key: string, raw: JsonValue): Linked => {
    const entry = objectIn(raw)
    const [own, version] = splitAt(key) ?? []
    if (own === undefined || version === undefined) throw new Error('expected name@version')
    // Peers follow the version, as `_react@18.0.0`.
    const found = npmFound(name, own, version.replace(/_.*$/s, ''), {
      checksums: integrityOf(textOr(at(entry, 'integrity'))),
    })
    const needs = at(entry, 'dependencies')
    const known = Array.isArray(needs) ? textsOr(needs) : members(needs, 'dependencies').map(([, need]) => textOr(need))
    purls.set(key, found.purl)
    return { found, needs: known }
  }
  const entries = members(group, 'npm').flatMap(([key, entry]) => losses.try(key, () => read(key, entry)) ?? [])
  // Where the file has one version of a package, its users name it without.
  const single = new Map(entries.map(({ found }) => [found.name, found.purl]))
  return link(entries, (need) => purls.get(need) ?? single.get(need))
}

/** JSR has no purl type; Deno's own registry serves the packages to npm as `@jsr/scope__name`. */
function jsrPackages(group: JsonValue | undefined, losses: Losses): FoundPackage[] {
  const read = (key: string, raw: JsonValue): FoundPackage => {
    const entry = objectIn(raw)
    const [own, version] = splitAt(key) ?? []
    const checksums = sumsOf('sha256', textOr(at(entry, 'integrity')))
    return {
      ...emptyPackage('jsr', name),
      name: nameIn(own, 'name'),
      version: nameIn(version, 'version'),
      purl: formatPurl({
        type: 'generic',
        namespace: `jsr/${(own ?? '').split('/')[0] ?? ''}`,
        name: (own ?? '').split('/').at(-1) ?? '',
        version,
      }),
      checksums: checksums.length > 0 ? checksums : undefined,
    }
  }
  return members(group, 'jsr').flatMap(([key, entry]) => losses.try(key, () => read(key, entry)) ?? [])
}
