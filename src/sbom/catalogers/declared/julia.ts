import { readToml } from '../../../encoding/toml.ts'
import { at, items, members, nameIn, objectIn, textIn, versionIn } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { lockFile, partly } from './lock.ts'
import { packageFound } from './package-found.ts'

/** Manifest.toml of Julia, versions 1 and 2. */
export const julia = lockFile({
  name: 'julia-manifest',
  kind: 'julia',
  match: { names: ['Manifest.toml', 'JuliaManifest.toml'] },
  read: (content) => {
    const manifest = readToml(textIn(content))
    const isNew = at(manifest, 'manifest_format') !== undefined
    // Other tools have files of this name as well; Julia's has packages with a `uuid`.
    if (!isNew && at(manifest, 'julia_version') === undefined) return null
    const packages = isNew ? at(manifest, 'deps') : manifest
    const losses = new Losses()
    const found = members(packages, 'deps').flatMap(([name, list]) => {
      // Beside packages, version 1 has texts about the whole file at the same level.
      if (!isNew && typeof list === 'string') return []
      return (losses.try(name, () => items(list, name)) ?? []).flatMap(
        (entry) =>
          losses.try(name, () =>
            packageFound('julia-manifest', 'julia', {
              name,
              version: versionIn(at(objectIn(entry), 'version')),
              qualifiers: { uuid: nameIn(at(entry, 'uuid'), 'uuid') },
            }),
          ) ?? [],
      )
    })
    return partly(found, losses)
  },
})
