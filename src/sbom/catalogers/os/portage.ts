import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf } from '../../found.ts'
import { spdxExpression } from '../../licence.ts'
import type { OwnedFile } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { databaseText } from './database-text.ts'

const limit = 64 << 20
/** The system's folder, category, package with version, file. */
const place = /^((?:.*?\/)??)var\/db\/pkg\/([^/]+)\/([^/]+)\/(CONTENTS|LICENSE|HOMEPAGE)$/
/** Name and version of a package (Package Manager Specification, section 3). */
const full = /^(.+?)-(\d+(?:\.\d+)*[a-z]?(?:_(?:alpha|beta|pre|rc|p)\d*)*(?:-r\d+)?)$/

type Fact = { is: 'contents'; files: Omit<OwnedFile, 'purl'>[] } | { is: 'text'; text: string }

/** Gentoo's packages: a folder per package below `var/db/pkg`. */
export const portage: Cataloger<Fact> = {
  name: 'portage',
  kind: 'portage',
  finds: 'installed',
  match: { names: ['CONTENTS', 'LICENSE', 'HOMEPAGE'] },
  folders: ['var/db/pkg'],
  wants: ({ path }) => (place.test(path) ? limit : 0),
  sameAs: (a, b) => a.name === b.name,
  read: ({ path, name }, content) => {
    if (name !== 'CONTENTS') return { is: 'text', text: content.toString('utf8').trim() }
    if (!full.test(place.exec(path)?.[3] ?? '')) throw new Error('lies in a folder whose name has no version')
    return { is: 'contents', files: parseContents(databaseText(content)) }
  },
  finish: (facts) => {
    const packages = []
    const owned: OwnedFile[] = []
    for (const [path, fact] of facts) {
      if (fact.is !== 'contents') continue
      const [, prefix = '', category = '', folder = ''] = place.exec(path) ?? []
      const [, name = '', version = ''] = full.exec(folder) ?? []
      const said = (file: string): string => {
        const other = facts.get(path.replace(/CONTENTS$/, file))
        return other?.is === 'text' ? other.text : ''
      }
      const licence = spdxExpression(said('LICENSE'))
      const purl = formatPurl({ type: 'ebuild', namespace: category, name, version })
      packages.push({
        ...emptyPackage('ebuild', 'portage'),
        name: `${category}/${name}`,
        version,
        purl,
        licence,
        licenceText: licence === null && said('LICENSE') !== '' ? said('LICENSE') : null,
        homepage: homepageOf(said('HOMEPAGE').replace(/\s.*$/s, '')),
        locations: [path],
      })
      owned.push(...fact.files.map((file) => ({ ...file, path: prefix + file.path, purl })))
    }
    return { packages, owned }
  },
  digest: {
    algorithm: 'md5',
    of: (path) => /^(?:usr\/(?!local\/)|bin\/|sbin\/|lib|opt\/|etc\/)/.test(path),
    marks: (path) => /^(?:etc\/portage\/|var\/db\/pkg\/)/.test(path),
  },
}

/** Lines of `dir PATH`, `obj PATH MD5 TIME`, `sym PATH -> TARGET TIME`; a path may hold spaces. @throws Error for another line */
function parseContents(text: string): Omit<OwnedFile, 'purl'>[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error('ends within a line')
  return text.split('\n').flatMap((line): Omit<OwnedFile, 'purl'>[] => {
    if (line === '') return []
    const [, kind, rest = ''] = /^(dir|obj|sym|fif|dev) \/(.*)$/.exec(line) ?? []
    if (kind === undefined) throw new Error(`has a line of another form: ${line.slice(0, 100)}`)
    if (kind === 'sym') return [{ path: rest.slice(0, Math.max(0, rest.indexOf(' -> '))) }]
    if (kind !== 'obj') return [{ path: rest }]
    const [, path, value] = /^(.+) ([0-9a-f]{32}) \d+$/.exec(rest) ?? []
    if (path === undefined || value === undefined) throw new Error(`has a file without its sum: ${line.slice(0, 100)}`)
    // Gentoo asks before it replaces what lies there (CONFIG_PROTECT).
    return [{ path, checksum: { algorithm: 'MD5', value }, ...(path.startsWith('etc/') ? { config: true } : {}) }]
  })
}
