import { VerificationError } from '../../base/errors.ts'
import type { PassReader } from '../../image/types.ts'
import { dep5Licence } from '../licence.ts'
import type { FoundPackage, OsRelease, Party } from '../model.ts'
import { formatPurl } from '../purl.ts'
import { parseDeb822, type Paragraph } from './deb822.ts'

/** Most bytes that we hold of one file of the package database. */
const limits = { status: 128 << 20, list: 16 << 20, copyright: 1 << 20 } as const
const database = /^(?:|.*\/)lib\/dpkg\/(?:status|status\.d\/[^/]+)$/
const listing = /^var\/lib\/dpkg\/(?:info|status\.d)\/([^/]+)\.(?:list|md5sums)$/
const copyright = /^usr\/share\/doc\/([^/]+)\/copyright$/

/** Finds Debian packages: dpkg's status file, distroless' status.d, and which files belong to which package. */
export class DpkgCataloger implements PassReader {
  private readonly databases = new Map<string, Paragraph[]>()
  private readonly licences = new Map<string, string | null>()
  /** Files by the name of their package (`name` or `name:arch`). */
  private readonly lists = new Map<string, Map<string, string[]>>()

  wants({ path, size }: { path: string; size: number }): number {
    if (listing.test(path)) return Math.min(size, limits.list)
    if (database.test(path)) return Math.min(size, limits.status)
    return copyright.test(path) ? Math.min(size, limits.copyright) : 0
  }

  file(header: { path: string; size: number }, content: Buffer): void {
    const { path } = header
    const text = content.toString('utf8')
    const list = listing.exec(path)?.[1]
    const documented = copyright.exec(path)?.[1]
    if (documented !== undefined) {
      if (content.length === header.size) this.licences.set(documented, dep5Licence(text))
      return
    }
    if (list === undefined && !database.test(path)) return
    if (content.length < header.size) {
      throw new VerificationError(
        'format-invalid',
        `${path} is larger than the ${content.length} bytes that are read of it`,
        {
          subject: path,
        },
      )
    }
    if (list === undefined) this.databases.set(path, parseDeb822(text, path))
    else this.lists.set(list, (this.lists.get(list) ?? new Map<string, string[]>()).set(path, ownedPaths(path, text)))
  }

  forget(path: string): void {
    this.databases.delete(path)
    const list = listing.exec(path)?.[1]
    if (list !== undefined) this.lists.get(list)?.delete(path)
    const documented = copyright.exec(path)?.[1]
    if (documented !== undefined) this.licences.delete(documented)
  }

  /** Installed packages with purls for this distribution, and the owner of every listed file. @throws VerificationError `format-invalid` */
  finish(os: OsRelease | null): { packages: FoundPackage[]; owners: Map<string, string> } {
    const installed: { paragraph: Paragraph; found: FoundPackage }[] = []
    for (const [path, paragraphs] of this.databases) {
      for (const paragraph of paragraphs) {
        const found = this.package(paragraph, path, os)
        if (found !== null) installed.push({ paragraph, found })
      }
    }
    const byName = new Map<string, string>()
    for (const { paragraph, found } of installed) {
      byName.set(found.name, found.purl)
      for (const name of relationNames(paragraph.get('provides'))) if (!byName.has(name)) byName.set(name, found.purl)
    }
    const owners = new Map<string, string>()
    for (const { paragraph, found } of installed) {
      const depends = [paragraph.get('depends'), paragraph.get('pre-depends')].flatMap((text) => relationNames(text))
      const purls = depends.map((name) => byName.get(name)).filter((purl) => purl !== undefined && purl !== found.purl)
      found.dependsOn = [...new Set(purls as string[])].sort()
      for (const key of [found.name, `${found.name}:${paragraph.get('architecture')}`]) {
        for (const paths of this.lists.get(key)?.values() ?? []) for (const path of paths) owners.set(path, found.purl)
      }
    }
    return { packages: installed.map(({ found }) => found), owners }
  }

  private package(paragraph: Paragraph, path: string, os: OsRelease | null): FoundPackage | null {
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
    const licence = this.licences.get(name) ?? null
    return {
      type: 'deb',
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
      licence,
      licenceText: null,
      homepage: /^https?:\/\/\S+$/.test(field('homepage')) ? field('homepage') : null,
      locations: [path],
      ownedBy: null,
      dependsOn: [],
    }
  }
}

/** `Name <address>` as a party; teams and lists are organizations. */
export function parseParty(text: string): Party | null {
  const match = /^\s*([^<\n]*?)\s*(?:<([^>\s]+)>)?\s*(?:\([^)]*\))?\s*$/.exec(text)
  const name = match?.[1] ?? ''
  if (name === '') return null
  const organization = /\b(team|maintainers?|group|developers|project|foundation|inc|gmbh|ltd)\b|@lists\./i.test(text)
  return { kind: organization ? 'organization' : 'person', name, email: match?.[2] }
}

function relationNames(text: string | undefined): string[] {
  if (text === undefined) return []
  return text
    .split(/[,|]/)
    .map((item) => item.trim().replace(/[\s:([<].*$/s, ''))
    .filter((name) => name !== '')
}

/** `.list` holds absolute paths (folders too), `.md5sums` relative ones behind a hash. */
function ownedPaths(path: string, text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '')
  if (path.endsWith('.list')) return lines.filter((line) => line !== '/.').map((line) => line.replace(/^\//, ''))
  return lines.map((line) => line.replace(/^[0-9a-f]{32} {2}(?:\.?\/)?/, ''))
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
