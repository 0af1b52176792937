import type { JsonValue } from '../../../base/json.ts'
import type { FoundPackage } from '../../model.ts'
import { at, jsonIn, members, nameIn, objectIn, textOr } from '../foreign.ts'
import { sumsOf } from '../sums.ts'
import { Losses } from '../losses.ts'
import { lockFile, partly } from './lock.ts'
import { packageFound } from './package-found.ts'

/** NuGet's packages.lock.json, which resolves each target framework by itself. */
export const nugetLock = lockFile({
  name: 'nuget-lock',
  kind: 'nuget',
  match: { names: ['packages.lock.json'] },
  read: (content) => {
    const lock = jsonIn(content)
    if (at(lock, 'version') === undefined) throw new Error('expected "version"')
    const found: FoundPackage[] = []
    const losses = new Losses()
    for (const [target, framework] of members(at(lock, 'dependencies'), 'dependencies')) {
      const byName = new Map<string, FoundPackage>()
      const entries = losses.try(target, () => members(objectIn(framework), 'framework')) ?? []
      for (const [name, entry] of entries) {
        const one = losses.try(name, () => readEntry(name, entry))
        if (one !== undefined && one !== null) byName.set(name.toLowerCase(), one)
      }
      for (const [name, entry] of entries) {
        const one = byName.get(name.toLowerCase())
        if (one === undefined) continue
        const needs = members(at(entry, 'dependencies'), 'dependencies')
        one.dependsOn = [...new Set(needs.flatMap(([need]) => byName.get(need.toLowerCase())?.purl ?? []))].sort()
      }
      found.push(...byName.values())
    }
    return partly(found, losses)
  },
})

/** Null for another project of the same solution, which is not resolved to a package. @throws Error where it cannot be read */
function readEntry(name: string, entry: JsonValue): FoundPackage | null {
  const resolved = at(objectIn(entry), 'resolved')
  if (resolved === undefined && textOr(at(entry, 'type')) === 'Project') return null
  const version = nameIn(resolved, 'version')
  // Read here, so that what is wrong costs this package only.
  members(at(entry, 'dependencies'), 'dependencies')
  const checksums = sumsOf('sha512', textOr(at(entry, 'contentHash')))
  return packageFound('nuget-lock', 'nuget', { name, version, checksums })
}
