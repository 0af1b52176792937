import { readToml } from '../../../encoding/toml.ts'
import { at, items, members, textIn, textOr, versionIn } from '../foreign.ts'
import { lockFile } from './lock.ts'
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
    return members(packages, 'deps').flatMap(([name, list]) =>
      (Array.isArray(list) ? items(list, name) : []).map((entry) => {
        return packageFound('julia-manifest', 'julia', {
          name,
          version: versionIn(at(entry, 'version')),
          qualifiers: { uuid: textOr(at(entry, 'uuid')) },
        })
      }),
    )
  },
})
