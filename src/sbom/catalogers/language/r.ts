import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../../found.ts'
import { declaredLicences } from '../../licence.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { nameIn, textIn } from '../foreign.ts'

interface Fact {
  found: FoundPackage
  needs: string[]
}

/** R packages by the DESCRIPTION of their folder. */
export const r: Cataloger<Fact> = {
  name: 'r',
  kind: 'cran',
  finds: 'installed',
  match: { names: ['DESCRIPTION'] },
  wants: () => 4 << 20,
  read: (_file, content) => readDescription(fieldsOf(textIn(content))),
  finish: (facts) => {
    const byName = new Map<string, string>()
    for (const { found } of facts.values()) byName.set(found.name, found.purl)
    const folders = new Map<string, string>()
    const packages = [...facts].map(([path, { found, needs }]) => {
      const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
      // Built: R has installed it into a folder of its name, which is its own as a whole.
      if (found.properties !== undefined && folder.endsWith(`/${found.name}`)) folders.set(folder, found.purl)
      const dependsOn = [...new Set(needs.flatMap((name) => byName.get(name) ?? []))]
      return { ...found, locations: [path], dependsOn: dependsOn.filter((purl) => purl !== found.purl).sort() }
    })
    return { packages, folders }
  },
}

/** Debian control fields: a line that begins with a blank goes on with the value. */
function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string[]>()
  let value: string[] | undefined
  for (const line of text.split('\n')) {
    if (/^[ \t]/.test(line)) {
      value?.push(line.trim())
      continue
    }
    const colon = line.indexOf(':')
    if (colon < 1) continue
    value = [line.slice(colon + 1).trim()]
    fields.set(line.slice(0, colon), value)
  }
  return new Map([...fields].map(([name, parts]) => [name, parts.join(' ').trim()]))
}

/** Null for a file of this name that R did not write: it has Package and Version at least. */
function readDescription(fields: ReadonlyMap<string, string>): Fact | null {
  const built = fields.get('Built') ?? ''
  if (!fields.has('Package') || (!fields.has('Version') && built === '')) return null
  const name = nameIn(fields.get('Package'), 'name')
  const version = fields.has('Version') ? nameIn(fields.get('Version'), 'version') : null
  const builtBy = /^R (\d[\w.-]{0,20});/.exec(built)?.[1]
  return {
    found: {
      ...emptyPackage('cran', 'r'),
      ...rLicence(fields.get('License') ?? ''),
      name,
      version,
      purl: formatPurl({ type: 'cran', name, version: version ?? undefined }),
      supplier: parseParty(fields.get('Maintainer') ?? ''),
      homepage: homepageOf((fields.get('URL') ?? '').split(/[,\s]/)[0] ?? ''),
      properties: builtBy === undefined ? undefined : [['r:built', builtBy]],
    },
    needs: ['Depends', 'Imports', 'LinkingTo'].flatMap((kind) => names(fields.get(kind) ?? '')),
  }
}

function names(list: string): string[] {
  return list.split(',').map((item) => /^\s*([\w.]+)/.exec(item)?.[1] ?? '')
}

/** R's names for licences, without the version. */
const families: Readonly<Record<string, string>> = { GPL: 'GPL', LGPL: 'LGPL', AGPL: 'AGPL' }
const standard: Readonly<Record<string, string>> = {
  'GPL-2': 'GPL-2.0-only',
  'GPL-3': 'GPL-3.0-only',
  'LGPL-2': 'LGPL-2.0-only',
  'LGPL-2.1': 'LGPL-2.1-only',
  'LGPL-3': 'LGPL-3.0-only',
  'AGPL-3': 'AGPL-3.0-only',
  BSD_2_clause: 'BSD-2-Clause',
  BSD_3_clause: 'BSD-3-Clause',
  'Apache License 2.0': 'Apache-2.0',
  'Apache License (== 2.0)': 'Apache-2.0',
  CC0: 'CC0-1.0',
}

/** "Writing R Extensions" 1.1.2: alternatives with `|`, `+ file LICENSE` for the names to fill in, a range of versions in brackets. */
export function rLicence(text: string): ReturnType<typeof declaredLicences> {
  const choices = text
    .slice(0, 500)
    .split('|')
    .map((part) => part.trim().replace(/\s*\+\s*file\s+LICEN[SC]E$/i, ''))
  if (choices.some((part) => /^file\s/i.test(part))) return declaredLicences([text], null)
  const named = choices.map((choice) => {
    const [, family = '', least] = /^(\w+)\s*\(\s*>=\s*(\d(?:\.\d)?)\s*\)$/.exec(choice) ?? []
    const name = Object.hasOwn(families, family) ? families[family] : undefined
    if (name !== undefined && least !== undefined)
      return `${name}-${least.includes('.') ? least : `${least}.0`}-or-later`
    return Object.hasOwn(standard, choice) ? (standard[choice] ?? choice) : choice
  })
  const found = declaredLicences(named, 'OR')
  return found.licence === null ? declaredLicences([text], null) : found
}
