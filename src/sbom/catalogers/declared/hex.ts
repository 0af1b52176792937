import type { FoundPackage } from '../../model.ts'
import { erlangTerms, itemOf, valueOf, type Term } from '../erlang-terms.ts'
import { textIn } from '../foreign.ts'
import { withoutUser } from '../language/python/direct-url.ts'
import { sumsOf } from '../sums.ts'
import { Losses } from '../losses.ts'
import { byName, link, lockFile, partly, type Linked, type Partly } from './lock.ts'
import { packageFound } from './package-found.ts'

/** mix.lock of Elixir: one line for each package. */
export const mix = lockFile({
  name: 'mix-lock',
  kind: 'hex',
  match: { names: ['mix.lock'] },
  read: (content): FoundPackage[] | Partly => {
    const entries: Linked[] = []
    const losses = new Losses()
    for (const raw of textIn(content).split(/\r?\n/)) {
      const line = raw.trim()
      if (line === '' || line === '%{' || line === '}' || line.startsWith('#')) continue
      const entry = losses.try(line, () => mixEntry(line))
      if (entry !== undefined) entries.push(entry)
    }
    const purls = byName(entries)
    return partly(
      link(entries, (need) => purls.get(need)),
      losses,
    )
  },
})

/** `"name": {:hex, :name, "1.0.0", "inner", [managers], [dependencies], "hexpm", "outer"},` */
function mixEntry(line: string): Linked {
  const [, key, source, rest = ''] = /^"([^"]+)":\s*\{:(\w+),\s*(.*)\},?$/.exec(line) ?? []
  if (key === undefined || source === undefined) throw new Error('expected "name": {:source, …}')
  const needs = [...rest.matchAll(/\{:(\w+),/g)].map(([, need = '']) => need)
  const quoted = [...rest.matchAll(/"([^"]*)"/g)].map(([, text = '']) => text)
  if (source === 'git') {
    const [address = '', commit = ''] = quoted
    return { found: gitPackage('mix-lock', key, address, commit), needs }
  }
  if (source !== 'hex') return { found: gitPackage('mix-lock', key, '', ''), needs }
  const [, name = key, version] = /^:"?([\w.]+)"?,\s*"([^"]+)"/.exec(rest) ?? []
  if (version === undefined) throw new Error('expected a name and a version')
  // The last digest is of the archive, the first of what is in it.
  const outer = quoted.length > 2 ? sumsOf('sha256', quoted.at(-1) ?? '') : []
  return { found: packageFound('mix-lock', 'hex', { shown: key, name, version, checksums: outer }), needs }
}

/** A package from a repository or a folder is not the one that hex.pm has under its name. */
function gitPackage(cataloger: string, name: string, address: string, commit: string): FoundPackage {
  const url = withoutUser(address)
  const found = packageFound(cataloger, 'generic', {
    namespace: 'hex',
    name,
    version: commit === '' ? null : commit,
    qualifiers: { vcs_url: url === '' ? undefined : `git+${url}` },
  })
  return { ...found, type: 'hex' }
}

/** rebar.lock of Erlang. */
export const rebar = lockFile({
  name: 'rebar-lock',
  kind: 'hex',
  match: { names: ['rebar.lock'] },
  read: (content) => {
    const [first, hashes] = erlangTerms(textIn(content))
    // Before version 1.1 the file holds the list alone.
    const list = typeof itemOf(first, 0) === 'string' ? itemOf(first, 1) : first
    if (!Array.isArray(list)) throw new Error('expected a list of packages')
    const outer = valueOf(hashes, 'pkg_hash_ext')
    const losses = new Losses()
    return partly(
      list.flatMap(
        (entry, i) => losses.try(textOf(itemOf(entry, 0)) || `entry ${i + 1}`, () => rebarPackage(entry, outer)) ?? [],
      ),
      losses,
    )
  },
})

function rebarPackage(entry: Term, outer: Term | undefined): FoundPackage {
  const name = textOf(itemOf(entry, 0))
  const source = itemOf(entry, 1)
  if (textOf(itemOf(source, 0)) !== 'pkg')
    return gitPackage('rebar-lock', name, textOf(itemOf(source, 1)), textOf(itemOf(itemOf(source, 2), 1)))
  return packageFound('rebar-lock', 'hex', {
    shown: name,
    name: textOf(itemOf(source, 1)) || name,
    version: textOf(itemOf(source, 2)),
    checksums: sumsOf('sha256', textOf(valueOf(outer, name))),
  })
}

function textOf(term: Term | undefined): string {
  return typeof term === 'string' ? term : ''
}
