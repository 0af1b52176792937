import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf } from '../../found.ts'
import { spdxExpression } from '../../licence.ts'
import { formatPurl } from '../../purl.ts'

const limit = 1 << 20
/** A formula beside what was built from it: the keg's folder, name and version. */
const keg = /^(.*\/?Cellar\/([^/]+)\/([^/]+))\/\.brew\/[^/]+\.rb$/

/** What a formula says. */
interface Formula {
  licence: string
  homepage: string
}

/** Homebrew's packages: the kegs. A formula of a tap is a recipe, and says only what could be installed. */
export const homebrew: Cataloger<Formula> = {
  name: 'homebrew',
  kind: 'brew',
  finds: 'installed',
  match: { parents: ['.brew'] },
  wants: ({ path }) => (keg.test(path) ? limit : 0),
  read: (_, content) => {
    const text = content.toString('utf8')
    const said = (name: string): string => new RegExp(`^\\s*${name}\\s+"([^"\\n]*)"`, 'm').exec(text)?.[1] ?? ''
    return { licence: said('license'), homepage: said('homepage') }
  },
  finish: (facts) => {
    const folders = new Map<string, string>()
    const packages = [...facts].map(([path, { licence, homepage }]) => {
      const [, folder = '', name = '', version = ''] = keg.exec(path) ?? []
      const purl = formatPurl({ type: 'brew', name, version })
      folders.set(folder, purl)
      const expression = spdxExpression(licence)
      return {
        ...emptyPackage('brew', 'homebrew'),
        name,
        version,
        purl,
        licence: expression,
        licenceText: expression === null && licence !== '' ? licence : null,
        homepage: homepageOf(homepage),
        locations: [path],
      }
    })
    return { packages, folders }
  },
}
