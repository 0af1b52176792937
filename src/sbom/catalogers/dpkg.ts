import { VerificationError } from '../../base/errors.ts'
import type { Cataloger } from '../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../found.ts'
import { dep5Licence } from '../licence.ts'
import type { FoundPackage, OsRelease, OwnedFile } from '../model.ts'
import { formatPurl } from '../purl.ts'
import { parseDeb822, type Paragraph } from './deb822.ts'

/** Most bytes that we hold of one file of the package database. */
const limits = { status: 128 << 20, list: 16 << 20, copyright: 1 << 20 } as const
const database = /^(?:|.*\/)lib\/dpkg\/(?:status|status\.d\/[^/]+)$/
const listing = /^var\/lib\/dpkg\/(?:info|status\.d)\/([^/]+)\.(?:list|md5sums)$/
const copyright = /^usr\/share\/doc\/([^/]+)\/copyright$/

type Fact =
  | { is: 'status'; paragraphs: Paragraph[] }
  | { is: 'list'; name: string; files: Omit<OwnedFile, 'purl'>[] }
  | { is: 'copyright'; name: string; licence: string | null }

/** Debian packages: dpkg's status file, distroless' status.d, and which files belong to which package. */
export const dpkg: Cataloger<Fact> = {
  name: 'dpkg',
  kind: 'deb',
  finds: 'installed',
  strict: true,
  match: { names: ['status', 'copyright'], parents: ['status.d', 'info'] },
  folders: ['var/lib/dpkg'],
  wants: ({ path }) =>
    listing.test(path)
      ? limits.list
      : database.test(path)
        ? limits.status
        : copyright.test(path)
          ? limits.copyright
          : 0,
  read: ({ path }, content) => {
    const text = content.toString('utf8')
    const list = listing.exec(path)?.[1]
    if (list !== undefined) return { is: 'list', name: list, files: ownedFiles(path, text) }
    const documented = copyright.exec(path)?.[1]
    if (documented !== undefined) return { is: 'copyright', name: documented, licence: dep5Licence(text) }
    return { is: 'status', paragraphs: parseDeb822(text, path) }
  },
  finish: (facts, { os }) => {
    const licences = new Map<string, string | null>()
    const lists = new Map<string, Omit<OwnedFile, 'purl'>[]>()
    for (const fact of facts.values()) {
      if (fact.is === 'copyright') licences.set(fact.name, fact.licence)
      if (fact.is === 'list') lists.set(fact.name, [...(lists.get(fact.name) ?? []), ...fact.files])
    }
    const installed: { paragraph: Paragraph; found: FoundPackage }[] = []
    for (const [path, fact] of facts) {
      if (fact.is !== 'status') continue
      for (const paragraph of fact.paragraphs) {
        const found = makePackage(paragraph, path, os, licences)
        if (found !== null) installed.push({ paragraph, found })
      }
    }
    relate(installed)
    const owned = installed.flatMap(({ paragraph, found: { name, purl } }) =>
      [name, `${name}:${paragraph.get('architecture') ?? ''}`].flatMap((key) =>
        (lists.get(key) ?? []).map((file) => ({ ...file, purl })),
      ),
    )
    return { packages: installed.map(({ found }) => found), owned }
  },
  // Nothing that dpkg installs lies elsewhere; MD5 of everything would cost as much as all other work on the bytes.
  digest: (path) => (/^(?:usr\/(?!local\/)|bin\/|sbin\/|lib|opt\/|boot\/|etc\/)/.test(path) ? 'md5' : null),
}

function relate(installed: readonly { paragraph: Paragraph; found: FoundPackage }[]): void {
  const byName = new Map<string, string>()
  for (const { paragraph, found } of installed) {
    byName.set(found.name, found.purl)
    for (const name of relationNames(paragraph.get('provides'))) if (!byName.has(name)) byName.set(name, found.purl)
  }
  for (const { paragraph, found } of installed) {
    const depends = [paragraph.get('depends'), paragraph.get('pre-depends')].flatMap((text) => relationNames(text))
    const purls = depends.map((name) => byName.get(name)).filter((purl) => purl !== undefined)
    found.dependsOn = [...new Set(purls)].filter((purl) => purl !== found.purl).sort()
  }
}

function makePackage(
  paragraph: Paragraph,
  path: string,
  os: OsRelease | null,
  licences: ReadonlyMap<string, string | null>,
): FoundPackage | null {
  const field = (name: string): string => paragraph.get(name) ?? ''
  const [name, version] = [field('package'), field('version')]
  const status = field('status')
  // dpkg keeps paragraphs of removed packages; distroless has no status at all.
  if (status !== '' ? !/ installed$/.test(status) : !path.includes('/status.d/')) {
    if (name !== '' && status !== '') return null
    throw incomplete(path, name)
  }
  if (name === '' || version === '') throw incomplete(path, name)
  const source = /^(\S+)(?: \((\S+)\))?$/.exec(field('source'))
  const upstream = source === null ? undefined : [source[1], source[2]].filter((part) => part !== undefined).join('@')
  return {
    ...emptyPackage('deb', 'dpkg'),
    name,
    version,
    purl: formatPurl({
      type: 'deb',
      namespace: os?.id ?? 'debian',
      name,
      version,
      qualifiers: {
        arch: field('architecture'),
        distro: os === null || os.versionId === '' ? undefined : `${os.id}-${os.versionId}`,
        upstream: upstream === name ? undefined : upstream,
      },
    }),
    supplier: parseParty(field('maintainer')),
    licence: licences.get(name) ?? null,
    homepage: homepageOf(field('homepage')),
    locations: [path],
  }
}

function relationNames(text: string | undefined): string[] {
  if (text === undefined) return []
  return text
    .split(/[,|]/)
    .map((item) => item.trim().replace(/[\s:([<].*$/s, ''))
    .filter((name) => name !== '')
}

/** `.list` holds absolute paths (folders too), `.md5sums` relative ones behind a hash. */
function ownedFiles(path: string, text: string): Omit<OwnedFile, 'purl'>[] {
  const lines = text.split('\n').filter((line) => line !== '')
  if (path.endsWith('.list'))
    return lines.filter((line) => line !== '/.').map((line) => ({ path: line.replace(/^\//, '') }))
  return lines.map((line) => {
    const [, value, file] = /^([0-9a-f]{32}) {2}(?:\.?\/)?(.*)$/.exec(line) ?? []
    return value === undefined || file === undefined
      ? { path: line }
      : { path: file, checksum: { algorithm: 'MD5', value } }
  })
}

function incomplete(path: string, name: string): VerificationError {
  return new VerificationError(
    'format-invalid',
    `${path} has a paragraph without name, version or status (${name || 'unnamed'})`,
    {
      subject: path,
      remedy: 'The package database of the image is damaged: build the image again.',
    },
  )
}
