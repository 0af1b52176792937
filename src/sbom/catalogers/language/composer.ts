import type { JsonValue } from '../../../base/json.ts'
import type { Cataloger, FileHead } from '../../cataloger.ts'
import type { FoundPackage, Gap } from '../../model.ts'
import { composerPackage, relateComposer } from '../composer-package.ts'
import { at, jsonValueIn, textOr, textsOr } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { placed } from './python/record.ts'

interface Fact {
  packages: {
    found: FoundPackage
    /** Folder of the package, from the one of installed.json. */
    folder: string
  }[]
  /** Entries that cannot be read. */
  lost: string | null
}

/** PHP packages that Composer has installed, by the installed.json of its vendor folder (versions 1 and 2). */
export const composer: Cataloger<Fact> = {
  name: 'composer',
  kind: 'composer',
  finds: 'installed',
  match: { names: ['installed.json'] },
  wants: () => 64 << 20,
  read: (file, content) => readInstalled(file, jsonValueIn(content)),
  finish: (facts) => {
    const packages: FoundPackage[] = []
    const folders = new Map<string, string>()
    const gaps: Gap[] = []
    for (const [path, { packages: list, lost }] of facts) {
      if (lost !== null) gaps.push({ path, kind: 'composer', reason: 'unreadable', why: lost })
      const here = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
      for (const { found, folder } of list) {
        packages.push({ ...found, locations: [path] })
        const claimed = placed(here, folder)
        // Only what lies beside Composer's own folder: another path would claim files of anybody.
        if (claimed !== null && isBelow(claimed, here)) folders.set(claimed, found.purl)
      }
    }
    return { packages, folders, gaps }
  },
}

function isBelow(folder: string, here: string): boolean {
  const vendor = here.includes('/') ? here.slice(0, here.lastIndexOf('/') + 1) : ''
  return vendor !== '' && folder.startsWith(vendor) && folder.slice(vendor.length).includes('/')
}

/** Null for a file of this name that is not Composer's. */
function readInstalled({ parent }: FileHead, json: JsonValue): Fact | null {
  const list = Array.isArray(json) ? json : at(json, 'packages')
  if (!Array.isArray(list)) {
    if (parent !== 'composer') return null
    throw new Error('expected a list of packages')
  }
  if (parent !== 'composer' && !list.every((entry) => textOr(at(entry, 'name')) !== '')) return null
  const development = new Set(textsOr(at(json, 'dev-package-names')))
  const losses = new Losses()
  const entries = list.flatMap((entry, i) => {
    const name = textOr(at(entry, 'name'))
    const found = losses.try(name || `packages[${i}]`, () => composerPackage(entry, 'composer', development.has(name)))
    return found === undefined ? [] : [{ entry, found }]
  })
  relateComposer(entries)
  const packages = entries.map(({ entry, found }) => {
    return { found, folder: textOr(at(entry, 'install-path')) || `../${found.name}` }
  })
  return { packages, lost: losses.why }
}
