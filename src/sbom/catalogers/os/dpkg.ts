import type { CatalogContext, Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../../found.ts'
import type { FoundPackage, Gap, OsRelease, OwnedFile } from '../../model.ts'
import { debianLicence } from './copyright.ts'
import { databaseText, shownWords } from './database-text.ts'
import { damaged } from './damaged.ts'
import { parseDeb822, type Paragraph } from './deb822.ts'
import { relate } from './dependencies.ts'
import { ownedBy, parseDiversions, parsePaths, parseSums, type Diversion } from './dpkg-files.ts'
import { controlEntry, statusEntry, type Installed } from './dpkg-status.ts'
import { sourceOf, systemPurl } from './system-purl.ts'

/** Most bytes that we hold of one file of the package database. */
const limits = { status: 128 << 20, list: 16 << 20, copyright: 1 << 20 } as const
/** A file of a database: the database's folder, and its name within. */
const database =
  /^((?:.*\/)?(?:lib|sysimage)\/dpkg)\/(status|diversions|(?:status\.d|updates)\/[^/]+|info\/[^/]+\.(?:list|md5sums|conffiles))$/
const copyright = /^(?:.*\/)?usr\/share\/doc\/[^/]+\/copyright$/
/** Beside the control files in status.d lie what dpkg keeps in `info` elsewhere. */
const besideControl =
  /\.(?:list|md5sums|conffiles|preinst|postinst|prerm|postrm|triggers|shlibs|symbols|templates|config)$/

type Fact =
  | { is: 'status' | 'update' | 'control'; paragraphs: Paragraph[] }
  | { is: 'list' | 'conffiles'; paths: string[] }
  | { is: 'sums'; sums: [string, string][] }
  | { is: 'diversions'; diversions: Diversion[] }
  | { is: 'licence'; licence: string | null }

/** Debian packages: dpkg's status file, distroless' status.d, and which files belong to which package. */
export const dpkg: Cataloger<Fact> = {
  name: 'dpkg',
  kind: 'deb',
  finds: 'installed',
  strict: true,
  match: { names: ['status', 'copyright', 'diversions'], parents: ['status.d', 'info', 'updates'] },
  folders: ['var/lib/dpkg', 'var/lib/dpkg/info', 'var/lib/dpkg/status.d'],
  wants: ({ path }) => {
    const name = database.exec(path)?.[2]
    if (name === undefined) return copyright.test(path) ? limits.copyright : 0
    if (/^updates\/(?!\d+$)/.test(name)) return 0
    if (name.startsWith('status.d/') && besideControl.test(name) && listKind(name) === null) return 0
    return listKind(name) === null ? limits.status : limits.list
  },
  sameAs: (a, b) => roleOf(a.path) === roleOf(b.path),
  read: ({ path }, content) => {
    const text = databaseText(content)
    const name = database.exec(path)?.[2]
    if (name === undefined) return { is: 'licence', licence: debianLicence(text) }
    if (name === 'diversions') return { is: 'diversions', diversions: parseDiversions(text, path) }
    const kind = listKind(name)
    if (kind === 'sums') return { is: kind, sums: parseSums(text, path) }
    if (kind !== null) return { is: kind, paths: parsePaths(text) }
    const is = name === 'status' ? 'status' : name.startsWith('updates/') ? 'update' : 'control'
    // dpkg itself refuses it: the last field may be cut.
    if (is !== 'control' && text !== '' && !text.endsWith('\n')) throw damaged(path, 'ends within a line')
    const paragraphs = parseDeb822(text, path)
    if (is === 'control' && paragraphs.length === 0) throw damaged(path, 'names no package')
    // Read here, so that what is wrong is said of this file.
    for (const paragraph of paragraphs) (is === 'control' ? controlEntry : statusEntry)(paragraph, path)
    return { is, paragraphs }
  },
  finish: (facts, context) => {
    const folders = new Set([...facts.keys()].map((path) => database.exec(path)?.[1]))
    const results = [...folders]
      .filter((folder) => folder !== undefined)
      .map((folder) => readDatabase(folder, facts, context))
    return {
      packages: results.flatMap(({ packages }) => packages),
      owned: results.flatMap(({ owned }) => owned),
      gaps: results.flatMap(({ gaps }) => gaps),
    }
  },
  // Where packages of Debian have files. MD5 of everything would cost as much as all other work on the bytes.
  digest: {
    algorithm: 'md5',
    of: (path) =>
      /^(?:usr\/(?!local\/)|bin\/|sbin\/|lib|opt\/|boot\/|etc\/|srv\/|var\/(?!cache\/|log\/|lib\/(?:apt|dpkg)\/))/.test(
        path,
      ),
    marks: (path) => /^(?:etc\/(?:apt\/|dpkg\/|debian_version$)|var\/lib\/dpkg\/)/.test(path),
  },
}

/** What a file is, by its path. */
function roleOf(path: string): string {
  const name = database.exec(path)?.[2]
  return name === undefined ? 'copyright' : (listKind(name) ?? name.replace(/\/.*$/, ''))
}

/** What a file of `info` or `status.d` beside control files is; null for others. */
function listKind(name: string): 'list' | 'conffiles' | 'sums' | null {
  if (!/^(?:info|status\.d)\//.test(name)) return null
  if (name.endsWith('.md5sums')) return 'sums'
  return name.endsWith('.list') ? 'list' : name.endsWith('.conffiles') ? 'conffiles' : null
}

function readDatabase(
  folder: string,
  facts: ReadonlyMap<string, Fact>,
  context: CatalogContext,
): { packages: FoundPackage[]; owned: OwnedFile[]; gaps: Gap[] } {
  const { installed, known } = entriesOf(folder, facts)
  // The root of the system that the database is of: an image may hold a chroot.
  const prefix = /^((?:.*?\/)??)(?:var\/lib|usr\/lib\/sysimage|usr\/lib|lib)\/dpkg$/.exec(folder)?.[1] ?? ''
  const fact = facts.get(`${folder}/diversions`)
  const list = fact?.is === 'diversions' ? fact.diversions : []
  const diversions = new Map(list.map((one) => [one.from, one]))
  const made = installed.map((one) => ({
    one,
    found: makePackage(one, context.os, licenceOf(`${prefix}usr/share/doc/${one.name}/copyright`, facts, context)),
  }))
  relate(
    made.map(({ one: { paragraph }, found }) => ({
      found,
      provides: relationNames(paragraph.get('provides')),
      requires: [paragraph.get('depends'), paragraph.get('pre-depends')].flatMap(relationNames),
    })),
  )
  const owned = made.flatMap(({ one, found: { purl } }) => {
    const stems = stemsOf(one, folder)
    const lists = {
      list: stems.flatMap((stem) => pathsOf(facts.get(`${stem}.list`))),
      sums: stems.flatMap((stem) => sumsOf(facts.get(`${stem}.md5sums`))),
      conffiles: stems.flatMap((stem) => pathsOf(facts.get(`${stem}.conffiles`))),
    }
    return ownedBy(one, lists, diversions, prefix, purl)
  })
  return { packages: made.map(({ found }) => found), owned, gaps: orphans(folder, facts, known) }
}

/** Packages of one database, and all names that it knows, also of those that are not there. */
function entriesOf(folder: string, facts: ReadonlyMap<string, Fact>): { installed: Installed[]; known: Set<string> } {
  const status = facts.get(`${folder}/status`)
  const paragraphs = new Map<string, Paragraph>()
  const keep = (paragraph: Paragraph): void => {
    paragraphs.set(`${paragraph.get('package')}:${paragraph.get('architecture')}`, paragraph)
  }
  if (status?.is === 'status') status.paragraphs.forEach(keep)
  // What dpkg had not written into the status file when it was stopped counts over it.
  for (const [path, fact] of facts)
    if (fact.is === 'update' && path.startsWith(`${folder}/updates/`)) fact.paragraphs.forEach(keep)
  const known = new Set([...paragraphs.values()].map((paragraph) => paragraph.get('package') ?? ''))
  const installed = [...paragraphs.values()].map((paragraph) => statusEntry(paragraph, `${folder}/status`))
  for (const [path, fact] of facts) {
    if (fact.is !== 'control' || !path.startsWith(`${folder}/status.d/`)) continue
    known.add(path.slice(`${folder}/status.d/`.length))
    for (const paragraph of fact.paragraphs) {
      known.add(paragraph.get('package') ?? '')
      installed.push(controlEntry(paragraph, path))
    }
  }
  const lists = [...facts].filter(([path, { is }]) => is === 'list' && path.startsWith(`${folder}/info/`))
  if (status !== undefined && known.size === 0 && lists.length > 0)
    throw damaged(`${folder}/status`, `is empty, and ${lists.length} packages have lists of files beside it`)
  return { installed: installed.filter((one) => one !== null), known }
}

/** Lists of files of packages that the database does not name: it says less than it did. */
function orphans(folder: string, facts: ReadonlyMap<string, Fact>, known: ReadonlySet<string>): Gap[] {
  return [...facts.keys()].flatMap((path): Gap[] => {
    if (!path.startsWith(`${folder}/`)) return []
    const name = /^(?:info\/([^/:]+)(?::[^/]+)?\.list|status\.d\/([^/]+)\.md5sums)$/.exec(path.slice(folder.length + 1))
    const owner = name?.[1] ?? name?.[2]
    if (owner === undefined || known.has(owner)) return []
    return [{ path, kind: 'deb', reason: 'unreadable', why: `the package database does not name the package ${owner}` }]
  })
}

/** Where the lists of a package may lie: by name and architecture, by name, or beside its control file. */
function stemsOf({ name, arch, path }: Installed, folder: string): string[] {
  if (!path.startsWith(`${folder}/status.d/`)) return [`${folder}/info/${name}:${arch}`, `${folder}/info/${name}`]
  return [...new Set([path, `${folder}/status.d/${name}`])]
}

function pathsOf(fact: Fact | undefined): string[] {
  return fact?.is === 'list' || fact?.is === 'conffiles' ? fact.paths : []
}

function sumsOf(fact: Fact | undefined): [string, string][] {
  return fact?.is === 'sums' ? fact.sums : []
}

/** A copyright file, or the folder that it lies in, is often a link to that of another package. */
function licenceOf(path: string, facts: ReadonlyMap<string, Fact>, { tree }: CatalogContext): string | null {
  const fact = facts.get(path) ?? facts.get(tree.resolve(path) ?? path)
  return fact?.is === 'licence' ? fact.licence : null
}

function makePackage(one: Installed, os: OsRelease | null, licence: string | null): FoundPackage {
  const { paragraph, name, version, arch, state, path } = one
  const field = (key: string): string => shownWords(paragraph.get(key) ?? '')
  const upstream = sourceOf(paragraph.get('source') ?? '')
  return {
    ...emptyPackage('deb', 'dpkg'),
    name,
    version,
    purl: systemPurl({ type: 'deb', name, version, arch, upstream }, os, 'debian'),
    supplier: parseParty(field('maintainer')),
    licence,
    homepage: homepageOf(field('homepage')),
    locations: [path],
    ...(state === null ? {} : { properties: [['dpkg:status', state]] }),
  }
}

/** Names of a list of relations: versions, architectures and build profiles do not matter. */
function relationNames(text: string | undefined): string[] {
  return (text ?? '')
    .split(/[,|]/)
    .map((item) => item.trim().replace(/[\s:([<].*$/s, ''))
    .filter((name) => name !== '')
}
