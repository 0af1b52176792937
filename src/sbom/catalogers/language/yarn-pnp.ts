import type { JsonValue } from '../../../base/json.ts'
import type { Cataloger, CatalogContext } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { FoundPackage, Gap } from '../../model.ts'
import { at, items, jsonIn, nameIn, textIn, textOr } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { npmPurl } from './npm.ts'
import { placed } from './python/record.ts'

interface Entry {
  name: string
  reference: string
  version: string | null
  /** Archive or folder, from the one of the file. */
  location: string
  /** `name reference` of what it needs. */
  needs: string[]
}

const limit = 64 << 20

/** Packages that Yarn keeps in archives (Plug'n'Play): the file that Node loads to find them names all of them. */
export const yarnPnp: Cataloger<{ entries: Entry[]; lost: string | null }> = {
  name: 'yarn-pnp',
  kind: 'npm',
  finds: 'installed',
  match: { names: ['.pnp.cjs', '.pnp.js', '.pnp.data.json'] },
  wants: () => limit,
  read: ({ name }, content) => {
    const state = jsonIn(name.endsWith('.json') ? content : Buffer.from(embedded(textIn(content))))
    return entriesOf(at(state, 'packageRegistryData'))
  },
  finish: (facts, { tree }) => {
    const packages: FoundPackage[] = []
    const gaps: Gap[] = []
    for (const [path, { entries, lost }] of facts) {
      if (lost !== null) gaps.push({ path, kind: 'npm', reason: 'unreadable', why: lost })
      const purls = new Map(entries.map((one) => [`${one.name} ${one.reference}`, npmPurl(one.name, one.version)]))
      let absent = 0
      for (const one of entries) {
        const archive = archiveOf(path, one.location, tree)
        if (archive === null) {
          absent++
          continue
        }
        const purl = npmPurl(one.name, one.version)
        packages.push({
          ...emptyPackage('npm', 'yarn-pnp'),
          name: one.name,
          version: one.version,
          purl,
          locations: [archive],
          dependsOn: [...new Set(one.needs.flatMap((need) => purls.get(need) ?? []))]
            .filter((need) => need !== purl)
            .sort(),
        })
      }
      if (absent > 0)
        gaps.push({ path, kind: 'npm', reason: 'opaque', why: `${absent} of its packages lie outside of this tree` })
    }
    return { packages, gaps }
  },
}

/** The state as JSON: a text in single quotes over many lines. */
function embedded(text: string): string {
  const start = /RAW_RUNTIME_STATE\s{0,20}=\s{0,20}'/.exec(text)
  if (start === null) throw new Error("expected Yarn's RAW_RUNTIME_STATE")
  const parts: string[] = []
  let kept = start.index + start[0].length
  for (let i = kept; i < text.length; i++) {
    const char = text.charAt(i)
    if (char === "'") {
      parts.push(text.slice(kept, i))
      return parts.join('')
    }
    if (char !== '\\') continue
    parts.push(text.slice(kept, i))
    // A backslash joins the next line, or escapes the next character.
    kept = text.charAt(i + 1) === '\n' ? i + 2 : i + 1
    i++
  }
  throw new Error('the state does not end')
}

/** `[[name, [[reference, { packageLocation, packageDependencies }]]]]`; the project's own parts have manifests of their own. */
function entriesOf(registry: JsonValue | undefined): { entries: Entry[]; lost: string | null } {
  if (registry === undefined) throw new Error('expected packageRegistryData')
  const losses = new Losses()
  const entries = items(registry, 'packageRegistryData').flatMap((pair, i) => {
    const place = `packageRegistryData[${i}]`
    const [name = '', versions = []] = losses.try(place, () => items(pair, 'package')) ?? []
    if (name === null) return []
    const all = losses.try(place, () => items(versions, 'versions')) ?? []
    return all.flatMap((version) => losses.try(textOr(name) || place, () => entryOf(name, version)) ?? [])
  })
  return { entries, lost: losses.why }
}

/** Null for a part of the project itself. @throws Error where it cannot be read */
function entryOf(name: JsonValue, version: JsonValue): Entry | null {
  const [reference, info] = items(version, 'version')
  const full = textOr(reference)
  if (/(?:^|#)workspace:/.test(full)) return null
  return {
    name: nameIn(name, 'name'),
    reference: full,
    version: /(?:^|#)npm:(?:(?:@[^@/]+\/)?[^@]*@)?(\d[\w.+-]*)/.exec(full)?.[1] ?? null,
    location: textOr(at(info, 'packageLocation')),
    needs: items(at(info, 'packageDependencies'), 'packageDependencies').flatMap(need),
  }
}

/** `[name, reference]`, or `[alias, [name, reference]]`. */
function need(pair: JsonValue): string[] {
  const [name = null, reference = null] = items(pair, 'dependency')
  if (Array.isArray(reference)) return [`${textOr(reference[0])} ${textOr(reference[1])}`]
  return reference === null ? [] : [`${textOr(name)} ${textOr(reference)}`]
}

/** Null where it is not in the tree. */
function archiveOf(path: string, location: string, tree: CatalogContext['tree']): string | null {
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
  const inside = location.replace(
    /\/__virtual__\/[^/]+\/(\d{1,3})\//,
    (_, up: string) => `/${'../'.repeat(Number(up))}`,
  )
  const zip = /^(.*?\.zip)(?:\/|$)/.exec(inside)?.[1] ?? inside
  const place = placed(folder, zip)
  return place === null ? null : tree.resolve(place)
}
