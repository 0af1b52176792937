import { baseOf, parentOf } from '../../../tar/paths.ts'
import type { Cataloger, FileHead } from '../../cataloger.ts'
import type { Gap } from '../../model.ts'
import type { FileTree } from '../../tree.ts'

/** What a package manager writes beside its database, and what it does not write without one. */
interface Companion {
  kind: string
  /** Last part of the path, or of its folder, for the look-up. */
  names?: readonly string[]
  parents?: readonly string[]
  /** Group 1: the folder of the system, empty or with a slash at its end. */
  path: RegExp
  /** Where the database may lie, from the folder of the system. One that is a folder ends in a slash. */
  databases: readonly string[]
  /** Where the file belongs to a database of its own: from the path. */
  own?: (path: string) => string
}

const rpmFolders = ['var/lib/rpm', 'usr/lib/sysimage/rpm', 'usr/share/rpm']
const rpmIndexes = ['Name', 'Basenames', 'Providename', 'Requirename', 'Dirnames', 'Installtid', 'Sha1header']

const companions: readonly Companion[] = [
  {
    kind: 'apk',
    names: ['scripts.tar', 'scripts.tar.gz', 'triggers', 'world'],
    path: /^((?:.*?\/)??)(?:(?:usr\/)?lib\/apk\/db\/(?:scripts\.tar(?:\.gz)?|triggers)|etc\/apk\/world)$/,
    databases: ['lib/apk/db/installed', 'usr/lib/apk/db/installed'],
  },
  {
    kind: 'rpm',
    names: ['rpmdb.sqlite-wal', 'rpmdb.sqlite-shm', 'rpmdb.sqlite-journal', 'Index.db', '__db.001', ...rpmIndexes],
    path: /^((?:.*?\/)??)(?:var\/lib|usr\/share|usr\/lib\/sysimage)\/rpm\/[^/]+$/,
    databases: rpmFolders.flatMap((folder) =>
      ['rpmdb.sqlite', 'Packages.db', 'Packages'].map((name) => `${folder}/${name}`),
    ),
  },
  {
    kind: 'deb',
    names: [
      'status-old',
      'available',
      'available-old',
      'diversions',
      'diversions-old',
      'statoverride',
      'dpkg.status.0',
    ],
    path: /^((?:.*?\/)??)(?:(?:var\/lib|usr\/lib\/sysimage)\/dpkg\/[^/]+|var\/backups\/dpkg\.status\.0)$/,
    databases: ['var/lib', 'usr/lib/sysimage'].flatMap((folder) => [
      `${folder}/dpkg/status`,
      `${folder}/dpkg/status.d/`,
    ]),
  },
  {
    kind: 'alpm',
    names: ['ALPM_DB_VERSION'],
    path: /^((?:.*?\/)??)var\/lib\/pacman\/local\/ALPM_DB_VERSION$/,
    databases: ['var/lib/pacman/local/'],
  },
  {
    kind: 'portage',
    names: ['PF', 'SLOT', 'environment.bz2'],
    path: /^((?:.*?\/)??)var\/db\/pkg\/[^/]+\/[^/]+\/[^/]+$/,
    databases: [],
    own: (path) => path.replace(/[^/]+$/, 'CONTENTS'),
  },
  {
    kind: 'slackware',
    parents: ['scripts'],
    path: /^((?:.*?\/)??)var\/(?:log|lib\/pkgtools)\/scripts\/[^/]+$/,
    databases: [],
    own: (path) => path.replace(/scripts(\/[^/]+)$/, 'packages$1'),
  },
]

/**
 * Says of a package database that was taken away that it was there, by what is left of it: the packages that it named are missing from the
 * description (TRUST §5: nothing that was there is silently less).
 */
export const remains: Cataloger<Companion> = {
  name: 'remains',
  kind: 'remains',
  finds: 'installed',
  match: {
    names: [...new Set(companions.flatMap(({ names = [] }) => names))],
    parents: [...new Set(companions.flatMap(({ parents = [] }) => parents))],
  },
  folders: [
    'lib/apk/db',
    'usr/lib/apk/db',
    'var/lib/rpm',
    'usr/lib/sysimage/rpm',
    'var/lib/dpkg',
    'var/lib/pacman/local',
  ],
  takesHead: true,
  wants: (file) => (companionOf(file) === undefined ? 0 : 1),
  // An empty list of diversions or of wanted packages says that there was nothing to list.
  read: (file) => (file.size === 0 && mayBeEmpty.test(file.path) ? null : (companionOf(file) ?? null)),
  finish: (facts, { tree }) => {
    const gaps = new Map<string, Gap>()
    const folders = facts.size === 0 ? new Set<string>() : databaseFolders(tree)
    for (const [path, companion] of facts) {
      const { kind, path: place, databases, own } = companion
      const root = place.exec(path)?.[1] ?? ''
      const database = own?.(path)
      const expected = database === undefined ? databases.map((one) => root + one) : [database]
      // One for each database: its remains may be many files.
      const key = `${kind} ${database ?? root}`
      if (gaps.has(key) || expected.some((one) => isThere(one, tree, folders))) continue
      const [first = ''] = expected
      const why = `the package database that this file belongs to is missing: expected ${JSON.stringify(first)}`
      gaps.set(key, { path, kind, reason: 'unreadable', why })
    }
    return { packages: [], gaps: [...gaps.values()] }
  },
}

const mayBeEmpty = /\/(?:available|diversions|statoverride|world)$/

function companionOf({ path, name, parent }: FileHead): Companion | undefined {
  return companions.find(
    (one) => (one.names?.includes(name) === true || one.parents?.includes(parent) === true) && one.path.test(path),
  )
}

/** Folders that are a database: they hold a package's control file, or a folder with its description. */
function databaseFolders(tree: FileTree): Set<string> {
  const found = new Set<string>()
  for (const { path } of tree.all()) {
    const parent = parentOf(path)
    if (baseOf(parent) === 'status.d') found.add(parent)
    else if (baseOf(path) === 'desc') found.add(parentOf(parent))
  }
  return found
}

function isThere(database: string, tree: FileTree, folders: ReadonlySet<string>): boolean {
  const real = tree.resolve(database)
  if (real === null) return false
  if (database.endsWith('/')) return folders.has(real)
  const type = tree.get(real)?.type
  return type === 'file' || type === 'hardlink'
}
