import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { OwnedFile } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { databaseText } from './database-text.ts'

const limit = 32 << 20
/** The system's folder, and the package: name, version, architecture and build, with dashes between. */
const place = /^((?:.*?\/)??)var\/(?:log|lib\/pkgtools)\/packages\/([^/]+)-([^/-]+)-([^/-]+)-([^/-]+)$/

/** Slackware's packages: a file per package with the list of its files. */
export const slackware: Cataloger<string[]> = {
  name: 'slackware',
  kind: 'slackware',
  finds: 'installed',
  match: { parents: ['packages'] },
  folders: ['var/log/packages'],
  wants: ({ path }) => (place.test(path) ? limit : 0),
  read: ({ name }, content) => {
    const text = databaseText(content)
    if (!text.startsWith('PACKAGE NAME:')) return null
    const start = text.indexOf('\nFILE LIST:\n')
    if (start === -1 || !text.endsWith('\n')) throw new Error(`the record of ${name} has no complete list of files`)
    const lines = text.slice(start + '\nFILE LIST:\n'.length).split('\n')
    return lines.map((line) => line.replace(/\/$/, '')).filter((line) => line !== '' && line !== '.')
  },
  finish: (facts) => {
    const owned: OwnedFile[] = []
    const packages = [...facts].map(([path, files]) => {
      const [, prefix = '', name = '', version = '', arch = '', build = ''] = place.exec(path) ?? []
      const purl = formatPurl({
        type: 'generic',
        namespace: 'slackware',
        name,
        version: `${version}-${build}`,
        qualifiers: { arch },
      })
      owned.push(...files.map((file) => ({ path: prefix + file, purl })))
      return { ...emptyPackage('generic', 'slackware'), name, version: `${version}-${build}`, purl, locations: [path] }
    })
    return { packages, owned }
  },
}
