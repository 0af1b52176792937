import type { JsonObject } from '../../../base/json.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf } from '../../found.ts'
import { declaredLicence } from '../../licence.ts'
import type { FoundPackage, OwnedFile } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { isShared } from '../../shared-folders.ts'
import { at, items, jsonIn, nameIn, textOr, textsOr, versionIn } from '../foreign.ts'
import { sumsOf } from '../sums.ts'
import { placed } from './python/record.ts'

interface Fact {
  found: FoundPackage
  needs: string[]
  /** From the root of the environment. */
  files: Omit<OwnedFile, 'purl'>[]
}

/** Conda packages by the `conda-meta` folder of their environment, with files and SHA-256. */
export const conda: Cataloger<Fact> = {
  name: 'conda',
  kind: 'conda',
  finds: 'installed',
  match: { parents: ['conda-meta'] },
  wants: ({ name }) => (name.endsWith('.json') ? 64 << 20 : 0),
  read: (_file, content) => readPackage(jsonIn(content)),
  finish: (facts) => {
    const owned: OwnedFile[] = []
    const byPrefix = new Map<string, string>()
    const prefixOf = (path: string): string => path.replace(/\/?conda-meta\/[^/]+$/, '')
    for (const [path, { found }] of facts) byPrefix.set(`${prefixOf(path)}\n${found.name}`, found.purl)
    const packages = [...facts].map(([path, { found, needs, files }]) => {
      const prefix = prefixOf(path)
      for (const file of files) {
        const at = placed(prefix, file.path)
        // A list of files that leaves its environment would claim those of anybody.
        if (at !== null && (prefix === '' || at.startsWith(`${prefix}/`)) && isCounted(file, prefix))
          owned.push({ ...file, path: at, purl: found.purl })
      }
      const dependsOn = [...new Set(needs.flatMap((name) => byPrefix.get(`${prefix}\n${name}`) ?? []))]
      return { ...found, locations: [path], dependsOn: dependsOn.filter((purl) => purl !== found.purl).sort() }
    })
    return { packages, owned }
  },
}

/** An environment that is the system itself (`/`, `/usr`) has files of anybody: there only a SHA-256 makes a file its package's. */
function isCounted({ checksum }: Fact['files'][number], prefix: string): boolean {
  return checksum?.algorithm === 'SHA-256' || !isShared(prefix)
}

function readPackage(json: JsonObject): Fact {
  const text = (name: string): string => textOr(at(json, name))
  const [name, version] = [nameIn(json['name'], 'name'), versionIn(json['version'])]
  const checksums = [...sumsOf('sha256', text('sha256')), ...sumsOf('md5', text('md5'))]
  const archive = /\.(?:tar\.bz2|conda)$/.exec(text('fn'))?.[0].slice(1)
  return {
    found: {
      ...emptyPackage('conda', 'conda'),
      ...declaredLicence(text('license')),
      name,
      version,
      purl: formatPurl({
        type: 'conda',
        name,
        version: version ?? undefined,
        qualifiers: {
          build: text('build'),
          channel: channelOf(text('channel')),
          subdir: text('subdir'),
          type: archive,
        },
      }),
      homepage: homepageOf(text('home')),
      checksums: checksums.length > 0 ? checksums : undefined,
    },
    needs: textsOr(at(json, 'depends')).map((need) => need.split(' ')[0] ?? ''),
    files: filesOf(json),
  }
}

/** The channel's name: documents are public, and a channel's URL may hold a token. */
function channelOf(channel: string): string {
  const parts = channel.split('/').filter((part) => part !== '')
  return /^(?:linux|osx|win|noarch)\b/.test(parts.at(-1) ?? '') ? (parts.at(-2) ?? '') : (parts.at(-1) ?? '')
}

/** `paths_data` has digests; the older `files` only names. */
function filesOf(json: JsonObject): Fact['files'] {
  const paths = items(at(json, 'paths_data', 'paths'), 'paths_data.paths')
  if (paths.length === 0) return textsOr(at(json, 'files')).map((path) => ({ path }))
  return paths.flatMap((entry) => {
    const path = textOr(at(entry, '_path'))
    if (path === '') return []
    // A file with the prefix of its environment written into it has another digest there; a link has that of its target.
    const rewritten = at(entry, 'prefix_placeholder') !== undefined
    const isFile = textOr(at(entry, 'path_type')) === 'hardlink'
    const value = textOr(at(entry, 'sha256_in_prefix')) || (rewritten ? '' : textOr(at(entry, 'sha256')))
    return [{ path, checksum: isFile ? sumsOf('sha256', value)[0] : undefined }]
  })
}
