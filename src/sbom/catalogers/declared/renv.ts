import { at, jsonIn, members, textOr, textsOr, versionIn } from '../foreign.ts'
import { byName, link, lockFile, type Linked } from './lock.ts'
import { packageFound } from './package-found.ts'

/** renv.lock of R. */
export const renv = lockFile({
  name: 'renv-lock',
  kind: 'cran',
  match: { names: ['renv.lock'] },
  read: (content) => {
    const lock = jsonIn(content)
    if (at(lock, 'Packages') === undefined && at(lock, 'R') === undefined) throw new Error('expected "Packages"')
    const entries = members(at(lock, 'Packages'), 'Packages').map(([key, entry]): Linked => {
      const name = textOr(at(entry, 'Package')) || key
      return {
        found: packageFound('renv-lock', 'cran', { name, version: versionIn(at(entry, 'Version')) }),
        needs: [...textsOr(at(entry, 'Requirements')), ...described(textsOr(at(entry, 'Imports')))],
      }
    })
    const purls = byName(entries)
    return link(entries, (need) => purls.get(need))
  },
})

/** Fields of DESCRIPTION, which newer files repeat: `name (>= 1.0)`. */
function described(needs: readonly string[]): string[] {
  return needs.map((need) => need.split(/[\s(]/)[0] ?? '')
}
