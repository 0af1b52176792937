import { at, jsonIn, members, nameIn, objectIn, textOr, textsOr } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { byName, link, lockFile, partly, type Linked } from './lock.ts'
import { packageFound } from './package-found.ts'

/** renv.lock of R. */
export const renv = lockFile({
  name: 'renv-lock',
  kind: 'cran',
  match: { names: ['renv.lock'] },
  read: (content) => {
    const lock = jsonIn(content)
    if (at(lock, 'Packages') === undefined && at(lock, 'R') === undefined) throw new Error('expected "Packages"')
    const losses = new Losses()
    const entries = members(at(lock, 'Packages'), 'Packages').flatMap(
      ([key, entry]) =>
        losses.try(key, (): Linked => {
          const name = textOr(at(objectIn(entry), 'Package')) || key
          return {
            found: packageFound('renv-lock', 'cran', { name, version: nameIn(at(entry, 'Version'), 'version') }),
            needs: [...textsOr(at(entry, 'Requirements')), ...described(textsOr(at(entry, 'Imports')))],
          }
        }) ?? [],
    )
    const purls = byName(entries)
    return partly(
      link(entries, (need) => purls.get(need)),
      losses,
    )
  },
})

/** Fields of DESCRIPTION, which newer files repeat: `name (>= 1.0)`. */
function described(needs: readonly string[]): string[] {
  return needs.map((need) => need.split(/[\s(]/)[0] ?? '')
}
