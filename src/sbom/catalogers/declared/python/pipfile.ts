import type { FoundPackage } from '../../../model.ts'
import { at, jsonIn, members, textOr, textsOr } from '../../foreign.ts'
import { prefixedSum } from '../../sums.ts'
import { lockFile } from '../lock.ts'
import { pypiFound, vcsUrl } from './pypi-found.ts'

/** Pipfile.lock: groups of packages, of which `develop` is for developers and those with a name of their own are to choose from. */
export const pipfile = lockFile({
  name: 'pipfile-lock',
  kind: 'pypi',
  match: { names: ['Pipfile.lock'] },
  read: (content) => {
    const lock = jsonIn(content)
    if (at(lock, '_meta') === undefined) throw new Error('expected "_meta"')
    return members(lock, 'Pipfile.lock').flatMap(([group, packages]) =>
      group === '_meta'
        ? []
        : members(packages, group).map(([name, entry]) =>
            pypiFound('pipfile-lock', name, /^={2,3}\s*([\w.!+-]+)$/.exec(textOr(at(entry, 'version')))?.[1] ?? null, {
              checksums: textsOr(at(entry, 'hashes')).flatMap(prefixedSum),
              scope: scopeOf(group),
              vcsUrl: vcsUrl(textOr(at(entry, 'git')), textOr(at(entry, 'ref'))),
            }),
          ),
    )
  },
})

function scopeOf(group: string): FoundPackage['scope'] {
  return group === 'default' ? undefined : group === 'develop' ? 'development' : 'optional'
}
