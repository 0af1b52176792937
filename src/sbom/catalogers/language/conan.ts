import type { Cataloger } from '../../cataloger.ts'
import type { FoundPackage } from '../../model.ts'
import { conanPackage } from '../conan-reference.ts'
import { textIn } from '../foreign.ts'

/** Packages in the cache of Conan 1: its folders name the reference, and conaninfo.txt what was linked in. */
export const conanInfo: Cataloger<FoundPackage[]> = {
  name: 'conan-info',
  kind: 'conan',
  finds: 'installed',
  match: { names: ['conaninfo.txt'] },
  wants: () => 4 << 20,
  read: ({ path }, content) => readInfo(path, textIn(content)),
  finish: (facts) => ({
    packages: [...facts].flatMap(([path, packages]) => packages.map((found) => ({ ...found, locations: [path] }))),
  }),
}

function readInfo(path: string, text: string): FoundPackage[] {
  const needed: FoundPackage[] = []
  let section = ''
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim()
    const header = /^\[(\w+)\]$/.exec(line)?.[1]
    if (header !== undefined) section = header
    else if (line !== '' && section === 'full_requires') {
      const found = conanPackage('conan-info', line)
      if (found === null) throw new Error(`"${line.slice(0, 100)}" is not a reference`)
      needed.push(found)
    }
  }
  if (section === '') throw new Error('expected sections, as [settings]')
  const [, name, version, user, channel] =
    /([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)\/package\/[0-9a-f]+\/conaninfo\.txt$/.exec(path) ?? []
  const own =
    name === undefined ? null : conanPackage('conan-info', `${name}/${version ?? ''}@${user ?? ''}/${channel ?? ''}`)
  if (own === null) return needed
  return [{ ...own, dependsOn: [...new Set(needed.map(({ purl }) => purl))].sort() }, ...needed]
}
