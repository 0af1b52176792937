import type { JsonObject } from '../../../../base/json.ts'
import type { FoundPackage } from '../../../model.ts'
import { at, jsonIn, members, objectIn, textOr, textsOr } from '../../foreign.ts'
import { prefixedSum } from '../../sums.ts'
import { Losses } from '../../losses.ts'
import { lockFile, partly } from '../lock.ts'
import { pypiFound, vcsUrl } from './pypi-found.ts'

/** Pipfile.lock: groups of packages, of which `develop` is for developers and those with a name of their own are to choose from. */
export const pipfile = lockFile({
  name: 'pipfile-lock',
  kind: 'pypi',
  match: { names: ['Pipfile.lock'] },
  read: (content) => {
    const lock = jsonIn(content)
    if (at(lock, '_meta') === undefined) throw new Error('expected "_meta"')
    const losses = new Losses()
    const found = members(lock, 'Pipfile.lock').flatMap(([group, packages]) =>
      group === '_meta'
        ? []
        : (losses.try(group, () => members(objectIn(packages), group)) ?? []).flatMap(
            ([name, entry]) => losses.try(name, () => locked(name, objectIn(entry), group)) ?? [],
          ),
    )
    return partly(found, losses)
  },
})

/** What has no version of an index, because it comes from there. */
const places = ['git', 'hg', 'svn', 'bzr', 'path', 'file', 'editable']

function locked(name: string, entry: JsonObject, group: string): FoundPackage {
  const version = at(entry, 'version')
  if (typeof version !== 'string' && (version !== undefined || !places.some((kind) => at(entry, kind) !== undefined)))
    throw new Error('expected a version')
  return pypiFound('pipfile-lock', name, /^={2,3}\s*([\w.!+-]+)$/.exec(textOr(version))?.[1] ?? null, {
    checksums: textsOr(at(entry, 'hashes')).flatMap(prefixedSum),
    scope: scopeOf(group),
    vcsUrl: vcsUrl(textOr(at(entry, 'git')), textOr(at(entry, 'ref'))),
  })
}

function scopeOf(group: string): FoundPackage['scope'] {
  return group === 'default' ? undefined : group === 'develop' ? 'development' : 'optional'
}
