import { messageOf } from '../../../base/errors.ts'
import type { Cataloged, Cataloger, CatalogContext } from '../../cataloger.ts'
import type { Gap } from '../../model.ts'
import { databaseText } from './database-text.ts'
import { damaged } from './damaged.ts'
import { relate } from './dependencies.ts'
import { HashFile } from './rpm/bdb.ts'
import { RpmHeader } from './rpm/header.ts'
import { readManifest } from './rpm/manifest.ts'
import { ndbHeaders } from './rpm/ndb.ts'
import { makePackage, readPackage, type RpmPackage } from './rpm/package.ts'
import { checkMagic, SqliteFile } from './rpm/sqlite.ts'
import { readWal, type Wal } from './rpm/wal.ts'

/** Most bytes of a database: a large distribution's workstation has some 200 MB. */
const limit = 1 << 30
/** The system's folder, then the file. */
const database =
  /^((?:.*?\/)??)(?:var\/lib|usr\/share|usr\/lib\/sysimage)\/rpm\/(Packages|Packages\.db|rpmdb\.sqlite(?:-wal|-journal)?)$/
const manifest = /^((?:.*?\/)??)var\/lib\/rpmmanifest\/container-manifest-2$/

type Fact =
  | { is: 'packages'; packages: RpmPackage[]; lost: string | null }
  /** Kept until its write-ahead log is known. */
  | { is: 'sqlite'; bytes: Buffer }
  | { is: 'wal'; wal: Wal }
  | { is: 'journal' }

/** Packages in rpm's databases of all three kinds, and in Azure Linux' list. */
export const rpm: Cataloger<Fact> = {
  name: 'rpm',
  kind: 'rpm',
  finds: 'installed',
  strict: true,
  match: {
    names: [
      'Packages',
      'Packages.db',
      'rpmdb.sqlite',
      'rpmdb.sqlite-wal',
      'rpmdb.sqlite-journal',
      'container-manifest-2',
    ],
  },
  folders: ['var/lib/rpm', 'usr/share/rpm', 'usr/lib/sysimage/rpm', 'var/lib/rpmmanifest'],
  wants: ({ path }) => (database.test(path) || manifest.test(path) ? limit : 0),
  sameAs: (a, b) => a.name === b.name,
  read: ({ path }, content) => {
    const name = database.exec(path)?.[2]
    if (name === undefined) return { is: 'packages', packages: readManifest(databaseText(content), path), lost: null }
    if (name === 'rpmdb.sqlite') {
      // All of it may be in the log still.
      if (content.length > 0) checkMagic(content, path)
      return { is: 'sqlite', bytes: content }
    }
    if (name === 'rpmdb.sqlite-journal') return isHot(content) ? { is: 'journal' } : null
    if (name === 'rpmdb.sqlite-wal') {
      const wal = readWal(content)
      return wal === null ? null : { is: 'wal', wal }
    }
    if (name === 'Packages.db')
      return { is: 'packages', packages: packagesOf(ndbHeaders(content, path), path), lost: null }
    const hash = new HashFile(content, path)
    const packages = packagesOf(hash.headers(), path)
    return { is: 'packages', packages, lost: countGap(hash.stated, hash.read) }
  },
  finish: (facts, context) => {
    const results = [...facts].map(([path, fact]) => readFact(path, fact, facts, context))
    return {
      packages: results.flatMap(({ packages }) => packages),
      owned: results.flatMap(({ owned }) => owned ?? []),
      gaps: results.flatMap(({ gaps }) => gaps ?? []),
    }
  },
  // SHA-256 since rpm 4.6. MD5 of older systems is not worth hashing every file of the newer ones.
  digest: {
    algorithm: 'md5',
    of: () => false,
    marks: (path) => /^(?:etc\/(?:rpm|yum\.repos\.d|zypp|dnf)\/|(?:var|usr)\/lib\/(?:sysimage\/)?rpm\/)/.test(path),
  },
}

function readFact(path: string, fact: Fact, facts: ReadonlyMap<string, Fact>, context: CatalogContext): Cataloged {
  const prefix = database.exec(path)?.[1] ?? manifest.exec(path)?.[1] ?? ''
  if (fact.is === 'packages') return describe(fact.packages, path, prefix, fact.lost, context)
  if (fact.is === 'sqlite') {
    const log = facts.get(`${path}-wal`)
    const wal = log?.is === 'wal' ? log.wal : null
    const used = wal === null || wal.pages.size === 0 ? null : wal
    const { headers, lost } = sqliteHeaders(new SqliteFile(fact.bytes, used, path), path)
    return describe(packagesOf(headers, path), path, prefix, lost, context)
  }
  const gap = (why: string): Cataloged => ({ packages: [], gaps: [{ path, kind: 'rpm', reason: 'unreadable', why }] })
  if (fact.is === 'journal') return gap('rpm was stopped while it wrote: the database is to be rolled back first')
  return fact.wal.torn ? gap('the log ends with a transaction that is not complete') : { packages: [] }
}

function sqliteHeaders(file: SqliteFile, path: string): { headers: Buffer[]; lost: string | null } {
  const headers = [...file.rows('Packages')].map(([, blob]) => {
    if (!Buffer.isBuffer(blob)) throw damaged(path, 'has a package without a header')
    return blob
  })
  // rpm keeps each package's name in an index of its own.
  const names = file.has('Name') ? [...file.rows('Name')].length : headers.length
  return { headers, lost: countGap(names, headers.length) }
}

function countGap(stated: number, read: number): string | null {
  return stated === read ? null : `the database counts ${stated} entries and holds ${read}`
}

function packagesOf(headers: Iterable<Buffer>, path: string): RpmPackage[] {
  const packages: RpmPackage[] = []
  for (const blob of headers) {
    try {
      const one = readPackage(new RpmHeader(blob))
      if (one !== null) packages.push(one)
    } catch (error) {
      throw damaged(path, messageOf(error))
    }
  }
  return packages
}

function describe(
  packages: readonly RpmPackage[],
  path: string,
  prefix: string,
  lost: string | null,
  { os }: CatalogContext,
): Cataloged {
  const made = packages.map((one) => ({ one, found: makePackage(one, path, os) }))
  // Only files that something asks for by path: there are a hundred thousand others.
  const asked = new Set(packages.flatMap(({ requires }) => requires.filter((name) => name.startsWith('/'))))
  relate(
    made.map(({ one: { provides, requires, files }, found }) => ({
      found,
      provides: [...provides, ...files.map((file) => `/${file.path}`).filter((file) => asked.has(file))],
      requires,
    })),
  )
  const owned = made.flatMap(({ one: { files }, found: { purl } }) =>
    files.map((file) => ({ ...file, path: prefix + file.path, purl })),
  )
  const gaps: Gap[] = lost === null ? [] : [{ path, kind: 'rpm', reason: 'unreadable', why: lost }]
  return { packages: made.map(({ found }) => found), owned, gaps }
}

/** A rollback journal that was not finished begins with this (sqlite.org/fileformat2.html#the_rollback_journal). */
function isHot(content: Buffer): boolean {
  return content.length >= 8 && content.toString('hex', 0, 8) === 'd9d505f920a163d7'
}
