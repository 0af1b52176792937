import type { CatalogContext, Cataloged, Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../../found.ts'
import { spdxExpression } from '../../licence.ts'
import type { FoundPackage, Gap, OsRelease } from '../../model.ts'
import { parseApk, type ApkDatabase, type ApkPackage } from './apk-database.ts'
import { databaseText, shownWords } from './database-text.ts'
import { relate } from './dependencies.ts'
import { damaged } from './damaged.ts'
import { systemPurl } from './system-purl.ts'

/** Alpine's whole archive would have some 100 MB. */
const limit = 128 << 20
/** Folder of the system, then that of the database. */
const database = /^((?:.*?\/)??)(?:usr\/)?lib\/apk\/db\/installed$/
const world = /^((?:.*?\/)??)etc\/apk\/world$/

type Fact = ({ is: 'database' } & ApkDatabase) | { is: 'world'; names: number }

/** Alpine's packages: apk's database of what is installed, with every file and its sum. */
export const apk: Cataloger<Fact> = {
  name: 'apk',
  kind: 'apk',
  finds: 'installed',
  strict: true,
  match: { names: ['installed', 'world'] },
  folders: ['lib/apk/db', 'usr/lib/apk/db', 'lib/apk'],
  wants: ({ path }) => (database.test(path) || world.test(path) ? limit : 0),
  sameAs: (a, b) => world.test(a.path) === world.test(b.path),
  read: ({ path }, content) => {
    const text = databaseText(content)
    if (world.test(path)) return { is: 'world', names: text.split(/\s+/).filter((name) => name !== '').length }
    return { is: 'database', ...parseApk(text, path) }
  },
  finish: (facts, context) => {
    const results = [...facts].map(([path, fact]) =>
      fact.is === 'database' ? readDatabase(path, fact, facts, context) : { packages: [], owned: [], gaps: [] },
    )
    return {
      packages: results.flatMap(({ packages }) => packages),
      owned: results.flatMap(({ owned }) => owned ?? []),
      gaps: results.flatMap(({ gaps }) => gaps ?? []),
    }
  },
  digest: {
    algorithm: 'sha1',
    of: (path) => /^(?:usr\/(?!local\/)|bin\/|sbin\/|lib|opt\/|boot\/|etc\/)/.test(path),
    marks: (path) => /^(?:etc\/(?:apk\/|alpine-release$)|(?:usr\/)?lib\/apk\/)/.test(path),
  },
}

function readDatabase(
  path: string,
  { packages, open }: ApkDatabase,
  facts: ReadonlyMap<string, Fact>,
  { os }: CatalogContext,
): Cataloged {
  const prefix = database.exec(path)?.[1] ?? ''
  const asked = facts.get(`${prefix}etc/apk/world`)
  if (packages.length === 0 && asked?.is === 'world' && asked.names > 0)
    throw damaged(path, `is empty, and etc/apk/world asks for ${asked.names} packages`)
  const made = packages.map((one) => ({ one, found: makePackage(one, path, os) }))
  relate(
    made.map(({ one: { fields }, found }) => ({
      found,
      provides: names(fields.get('p')),
      requires: names(fields.get('D')),
    })),
  )
  const last = packages.at(-1)?.fields.get('P') ?? ''
  const cut: Gap = { path, kind: 'apk', reason: 'unreadable', why: `the file ends within the package ${last}` }
  return {
    packages: made.map(({ found }) => found),
    owned: made.flatMap(({ one: { files }, found: { purl } }) =>
      files.map((file) => ({
        ...file,
        path: prefix + file.path,
        purl,
        // apk keeps what an administrator changed below /etc (apk-protected_paths), as dpkg does with conffiles.
        ...(file.path.startsWith('etc/') ? { config: true } : {}),
      })),
    ),
    gaps: open ? [cut] : [],
  }
}

function makePackage({ fields }: ApkPackage, path: string, os: OsRelease | null): FoundPackage {
  const field = (letter: string): string => fields.get(letter) ?? ''
  const words = (letter: string): string => shownWords(field(letter))
  const [name, version] = [field('P'), field('V')]
  const licence = spdxExpression(words('L'))
  const commit = field('c')
  return {
    ...emptyPackage('apk', 'apk'),
    name,
    version,
    purl: systemPurl({ type: 'apk', name, version, arch: field('A'), upstream: field('o') }, os, 'alpine'),
    supplier: parseParty(words('m')),
    licence,
    licenceText: licence === null && field('L') !== '' ? words('L') : null,
    homepage: homepageOf(words('U')),
    locations: [path],
    ...(/^[0-9a-f]{40}$/.test(commit) ? { properties: [['apk:commit', commit]] } : {}),
  }
}

/** Names of dependencies (`so:libc.musl-x86_64.so.1`, `cmd:sh`, `busybox>=1.35`) or provisions; conflicts are none. */
function names(text: string | undefined): string[] {
  return (text ?? '')
    .split(' ')
    .filter((item) => item !== '' && !item.startsWith('!'))
    .map((item) => item.replace(/[<>=~@].*$/, ''))
}
