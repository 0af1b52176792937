import type { JsonValue } from '../../../base/json.ts'
import { readToml } from '../../../encoding/toml.ts'
import { at, items, nameIn, objectIn, textIn, textOr, textsOr } from '../foreign.ts'
import { withoutUser } from '../language/python/direct-url.ts'
import { Losses } from '../losses.ts'
import { sumsOf } from '../sums.ts'
import { link, lockFile, partly, type Linked } from './lock.ts'
import { packageFound } from './package-found.ts'

/** Cargo.lock, versions 1 to 4. */
export const cargo = lockFile({
  name: 'cargo-lock',
  kind: 'cargo',
  match: { names: ['Cargo.lock'] },
  read: (content) => {
    const lock = readToml(textIn(content))
    const packages = [...items(at(lock, 'package'), 'package'), ...items(rootOf(at(lock, 'root')), 'root')]
    if (at(lock, 'package') === undefined && at(lock, 'version') === undefined) throw new Error('expected [[package]]')
    // Null where the key stands for several packages.
    const keys = new Map<string, string | null>()
    const losses = new Losses()
    const read = (raw: JsonValue): Linked => {
      const entry = objectIn(raw)
      const [name, version] = [nameIn(at(entry, 'name'), 'name'), nameIn(at(entry, 'version'), 'version')]
      const source = textOr(at(entry, 'source'))
      const known = `${name} ${version} (${source})`
      const found = packageFound('cargo-lock', 'cargo', {
        name,
        version,
        qualifiers: { vcs_url: gitUrl(source) },
        // Version 1 has the digests in a table at the end.
        checksums: sumsOf('sha256', textOr(at(entry, 'checksum') ?? at(lock, 'metadata', `checksum ${known}`))),
      })
      for (const key of [name, `${name} ${version}`, known]) keys.set(key, keys.has(key) ? null : found.purl)
      return { found, needs: textsOr(at(entry, 'dependencies')) }
    }
    const entries = packages.flatMap(
      (entry, i) => losses.try(textOr(at(entry, 'name')) || `package ${i + 1}`, () => read(entry)) ?? [],
    )
    // A name alone stands there only where one version is in the file.
    return partly(
      link(entries, (need) => keys.get(need) ?? undefined),
      losses,
    )
  },
})

function rootOf(root: JsonValue | undefined): JsonValue | undefined {
  return root === undefined ? undefined : [root]
}

function gitUrl(source: string): string | undefined {
  const [, address, commit] = /^git\+([^?#]+)(?:\?[^#]*)?(?:#([0-9a-f]+))?$/.exec(source) ?? []
  if (address === undefined) return undefined
  return `git+${withoutUser(address)}${commit === undefined ? '' : `@${commit}`}`
}
