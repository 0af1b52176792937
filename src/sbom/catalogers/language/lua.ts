import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../../found.ts'
import { declaredLicence } from '../../licence.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { nameIn, textIn } from '../foreign.ts'
import { luaValues, type LuaValue } from './lua-values.ts'

interface Fact {
  found: FoundPackage
  needs: string[]
}

/** LuaRocks by the rockspecs that lie beside the installed rocks. */
export const lua: Cataloger<Fact> = {
  name: 'lua',
  kind: 'luarocks',
  finds: 'installed',
  match: { extensions: ['rockspec'] },
  wants: () => 1 << 20,
  read: (_file, content) => readRockspec(textIn(content)),
  finish: (facts) => {
    const byName = new Map<string, string>()
    for (const { found } of facts.values()) byName.set(found.name, found.purl)
    const folders = new Map<string, string>()
    const packages = [...facts].map(([path, { found, needs }]) => {
      const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')))
      if (folder.endsWith(`/${found.name}/${found.version ?? ''}`)) folders.set(folder, found.purl)
      const dependsOn = [...new Set(needs.flatMap((name) => byName.get(name) ?? []))]
      return { ...found, locations: [path], dependsOn: dependsOn.filter((purl) => purl !== found.purl).sort() }
    })
    return { packages, folders }
  },
}

/** Null for a file that assigns no package at all. @throws Error where name or version are computed */
function readRockspec(text: string): Fact | null {
  const values = luaValues(text)
  if (!values.has('package')) {
    if (text.trim() === '' || values.size === 0) return null
    throw new Error('expected an assignment to "package"')
  }
  const name = nameIn(textOf(values.get('package')), 'literal name')
  const version = values.has('version') ? nameIn(textOf(values.get('version')), 'literal version') : null
  const described = (field: string): string => textOf(memberOf(values.get('description'), field))
  return {
    found: {
      ...emptyPackage('luarocks', 'lua'),
      ...declaredLicence(described('license') === 'MIT/X11' ? 'MIT' : described('license')),
      name,
      version,
      purl: formatPurl({ type: 'luarocks', name, version: version ?? undefined }),
      supplier: parseParty(described('maintainer')),
      homepage: homepageOf(described('homepage')),
    },
    needs: needsOf(values.get('dependencies')),
  }
}

function needsOf(list: LuaValue | undefined): string[] {
  return list instanceof Map
    ? [...list.values()].map(
        (item) =>
          textOf(item)
            .trim()
            .split(/[\s<>=~]/)[0] ?? '',
      )
    : []
}

function memberOf(value: LuaValue | undefined, name: string): LuaValue {
  return value instanceof Map ? (value.get(name) ?? null) : null
}

function textOf(value: LuaValue | undefined): string {
  return typeof value === 'string' ? value : ''
}
