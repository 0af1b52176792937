import type { FoundPackage } from '../../model.ts'
import { at, jsonIn, members, textOr, versionIn } from '../foreign.ts'
import { sumsOf } from '../sums.ts'
import { lockFile } from './lock.ts'
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
    for (const [, framework] of members(at(lock, 'dependencies'), 'dependencies')) {
      const byName = new Map<string, FoundPackage>()
      const entries = members(framework, 'framework')
      for (const [name, entry] of entries) {
        const version = versionIn(at(entry, 'resolved'))
        // Another project of the same solution is not resolved to a package.
        if (version === null && textOr(at(entry, 'type')) === 'Project') continue
        const one = packageFound('nuget-lock', 'nuget', {
          name,
          version,
          checksums: sumsOf('sha512', textOr(at(entry, 'contentHash'))),
        })
        byName.set(name.toLowerCase(), one)
      }
      for (const [name, entry] of entries) {
        const one = byName.get(name.toLowerCase())
        const needs = members(at(entry, 'dependencies'), 'dependencies')
        if (one !== undefined)
          one.dependsOn = [...new Set(needs.flatMap(([need]) => byName.get(need.toLowerCase())?.purl ?? []))].sort()
      }
      found.push(...byName.values())
    }
    return found
  },
})
