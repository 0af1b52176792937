import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../../found.ts'
import { spdxExpression } from '../../licence.ts'
import type { FoundPackage, Gap, OsRelease } from '../../model.ts'
import { databaseText, shownWords } from './database-text.ts'
import { damaged } from './damaged.ts'
import { parseDeb822, type Paragraph } from './deb822.ts'
import { relate } from './dependencies.ts'
import { parsePaths } from './dpkg-files.ts'
import { systemPurl } from './system-purl.ts'

const limit = 64 << 20
/** The database's folder, and the file within it. */
const database = /^((?:.*\/)?lib\/opkg)\/(status|info\/([^/]+)\.(?:control|list|conffiles))$/
/** opkg's states (libopkg/pkg.c) in which files of a package are on disk, and those in which none are. */
const present = ['installed', 'unpacked', 'half-installed', 'half-configured', 'post-inst-failed', 'removal-failed']
const absent = ['not-installed', 'config-files']

type Fact = { is: 'status' | 'control'; paragraphs: Paragraph[] } | { is: 'list' | 'conffiles'; paths: string[] }

/** Packages of OpenWrt and of Yocto's images: opkg's database, whose form is dpkg's with words of its own. */
export const opkg: Cataloger<Fact> = {
  name: 'opkg',
  kind: 'opkg',
  finds: 'installed',
  strict: true,
  match: { names: ['status'], parents: ['info'] },
  folders: ['usr/lib/opkg', 'var/lib/opkg', 'usr/lib/opkg/info', 'var/lib/opkg/info'],
  wants: ({ path }) => (database.test(path) ? limit : 0),
  sameAs: (a, b) => roleOf(a.path) === roleOf(b.path),
  read: ({ path }, content) => {
    const text = databaseText(content)
    if (path.endsWith('.list')) return { is: 'list', paths: parsePaths(text) }
    if (path.endsWith('.conffiles')) return { is: 'conffiles', paths: parsePaths(text) }
    const is = path.endsWith('/status') ? 'status' : 'control'
    if (is === 'status' && text !== '' && !text.endsWith('\n')) throw damaged(path, 'ends within a line')
    const paragraphs = parseDeb822(text, path)
    for (const paragraph of paragraphs) check(paragraph, path, is)
    return { is, paragraphs }
  },
  finish: (facts, { os }) => {
    const made = [...facts].flatMap(([path, fact]) => {
      if (fact.is !== 'status' && fact.is !== 'control') return []
      const folder = database.exec(path)?.[1] ?? ''
      // A control file says more than the status file of a package that this names; alone it shows that the package is there.
      const named = (name: string): boolean => {
        const status = facts.get(`${folder}/status`)
        return status?.is === 'status' && status.paragraphs.some((one) => one.get('package') === name)
      }
      return fact.paragraphs
        .filter((one) => (fact.is === 'status' ? isPresent(one) : !named(one.get('package') ?? '')))
        .map((paragraph) => ({ folder, paragraph, found: makePackage(paragraph, path, os) }))
    })
    relate(
      made.map(({ paragraph, found }) => ({
        found,
        provides: names(paragraph.get('provides')),
        requires: names(paragraph.get('depends')),
      })),
    )
    const owned = made.flatMap(({ folder, found: { name, purl } }) => {
      const prefix = /^((?:.*?\/)??)(?:usr|var)\/lib\/opkg$/.exec(folder)?.[1] ?? ''
      const pathsOf = (kind: string): string[] => {
        const fact = facts.get(`${folder}/info/${name}.${kind}`)
        return fact !== undefined && 'paths' in fact ? fact.paths : []
      }
      const config = new Set(pathsOf('conffiles'))
      // A list may have further columns behind the path.
      const listed = pathsOf('list').map((line) => line.replace(/\t.*$/, ''))
      return [...new Set([...listed, ...config])].map((path) => ({
        path: prefix + path,
        purl,
        ...(config.has(path) ? { config: true } : {}),
      }))
    })
    const known = new Set([...facts].flatMap(([path, fact]) => namedIn(path, fact)))
    return { packages: made.map(({ found }) => found), owned, gaps: orphans(facts.keys(), known) }
  },
}

/** Packages that a file names, present or not, each behind the folder of its database. */
function namedIn(path: string, fact: Fact): string[] {
  const folder = database.exec(path)?.[1] ?? ''
  return 'paragraphs' in fact ? fact.paragraphs.map((one) => `${folder}/${one.get('package') ?? ''}`) : []
}

/** Lists of files of packages that the database does not name: it says less than it did. */
function orphans(paths: Iterable<string>, known: ReadonlySet<string>): Gap[] {
  return [...paths].flatMap((path): Gap[] => {
    const [, folder, , name] = database.exec(path) ?? []
    if (name === undefined || !path.endsWith('.list') || known.has(`${folder}/${name}`)) return []
    return [{ path, kind: 'opkg', reason: 'unreadable', why: `the package database does not name the package ${name}` }]
  })
}

/** What a file of the database is, by its path. */
function roleOf(path: string): string | undefined {
  return /\/status$|\.(?:control|list|conffiles)$/.exec(path)?.[0]
}

function check(paragraph: Paragraph, path: string, is: 'status' | 'control'): void {
  const name = paragraph.get('package') ?? ''
  if (name === '') throw damaged(path, 'has a paragraph without a package name')
  if (is === 'control') return
  const words = (paragraph.get('status') ?? '').split(/[ \t]+/)
  const state = words[2] ?? ''
  if (words.length !== 3 || ![...present, ...absent].includes(state))
    throw damaged(path, `gives ${name} the status "${words.join(' ')}", which opkg does not know`)
  if (present.includes(state) && (paragraph.get('version') ?? '') === '')
    throw damaged(path, `gives ${name} no version`)
}

function isPresent(paragraph: Paragraph): boolean {
  return present.includes((paragraph.get('status') ?? '').split(/[ \t]+/)[2] ?? '')
}

function makePackage(paragraph: Paragraph, path: string, os: OsRelease | null): FoundPackage {
  const raw = (name: string): string => paragraph.get(name) ?? ''
  const field = (name: string): string => shownWords(raw(name))
  const [name, version, licence] = [raw('package'), raw('version'), spdxExpression(field('license'))]
  const state = field('status').split(/[ \t]+/)[2] ?? 'installed'
  return {
    ...emptyPackage('opkg', 'opkg'),
    name,
    version: version === '' ? null : version,
    purl: systemPurl({ type: 'opkg', name, version, arch: field('architecture') }, os, undefined),
    supplier: parseParty(field('maintainer')),
    licence,
    licenceText: licence === null && field('license') !== '' ? field('license') : null,
    homepage: homepageOf(field('url')),
    locations: [path],
    ...(state === 'installed' ? {} : { properties: [['opkg:status', state]] }),
  }
}

function names(text: string | undefined): string[] {
  return (text ?? '')
    .split(/[,|]/)
    .map((item) => item.trim().replace(/[\s(].*$/s, ''))
    .filter((name) => name !== '')
}
