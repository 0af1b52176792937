import { gunzipSync } from 'node:zlib'
import type { CatalogContext, Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../../found.ts'
import { spdxExpression } from '../../licence.ts'
import type { FoundPackage, Gap, OwnedFile } from '../../model.ts'
import { databaseText, shownWords } from './database-text.ts'
import { relate } from './dependencies.ts'
import { parseMtree } from './mtree.ts'
import { systemPurl } from './system-purl.ts'

/** Most bytes of a file, and of a file list once it is unpacked. */
const [limit, listLimit] = [32 << 20, 128 << 20]
/** The system's folder, that of the package within it, the file. */
const place = /^((?:.*?\/)??)(var\/lib\/pacman\/local\/[^/]+)\/(desc|files|mtree)$/

type Fact =
  | { is: 'desc'; fields: Map<string, string[]> }
  | { is: 'files'; paths: string[]; backup: string[] }
  | { is: 'mtree'; sums: [path: string, sha256: string][] }

/** Arch Linux' packages: pacman's local database with a folder per package. */
export const alpm: Cataloger<Fact> = {
  name: 'alpm',
  kind: 'alpm',
  finds: 'installed',
  match: { names: ['desc', 'files', 'mtree'] },
  folders: ['var/lib/pacman', 'var/lib/pacman/local'],
  wants: ({ path }) => (place.test(path) ? limit : 0),
  sameAs: (a, b) => a.name === b.name,
  read: ({ name }, content) => {
    if (name === 'mtree') {
      const text = gunzipSync(content, { maxOutputLength: listLimit }).toString('utf8')
      const sums = parseMtree(text).flatMap(({ path: file, sha256 }): [string, string][] =>
        sha256 === null ? [] : [[file, sha256]],
      )
      return { is: 'mtree', sums }
    }
    const fields = parseFields(databaseText(content))
    if (name === 'desc') {
      for (const field of ['NAME', 'VERSION']) if (one(fields, field) === '') throw new Error(`has no %${field}%`)
      return { is: 'desc', fields }
    }
    // A backup has its path and the sum that it was installed with.
    const backup = (fields.get('BACKUP') ?? []).map((line) => line.replace(/\t.*$/, ''))
    return { is: 'files', paths: fields.get('FILES') ?? [], backup }
  },
  finish: (facts, context) => {
    const made = [...facts].flatMap(([path, fact]) =>
      fact.is === 'desc' ? [{ path, fields: fact.fields, found: makePackage(fact.fields, path, context) }] : [],
    )
    relate(
      made.map(({ fields, found }) => ({
        found,
        provides: (fields.get('PROVIDES') ?? []).map(nameOf),
        requires: (fields.get('DEPENDS') ?? []).map(nameOf),
      })),
    )
    return {
      packages: made.map(({ found }) => found),
      owned: made.flatMap(({ path, found }) => ownedFiles(path, found.purl, facts)),
      gaps: orphans(facts),
    }
  },
}

/** Blocks of `%NAME%`, a value a line, an empty line. @throws Error for lines outside of a block */
function parseFields(text: string): Map<string, string[]> {
  const fields = new Map<string, string[]>()
  let current: string[] | null = null
  for (const line of text.split('\n')) {
    const name = /^%([A-Z0-9]+)%$/.exec(line)?.[1]
    if (line === '') current = null
    else if (current !== null) current.push(line)
    else if (name === undefined) throw new Error(`has a line outside of any field: ${line.slice(0, 100)}`)
    else fields.set(name, (current = []))
  }
  return fields
}

function one(fields: ReadonlyMap<string, string[]>, name: string): string {
  return fields.get(name)?.[0] ?? ''
}

function makePackage(fields: ReadonlyMap<string, string[]>, path: string, { os }: CatalogContext): FoundPackage {
  const [name, version] = [one(fields, 'NAME'), one(fields, 'VERSION')]
  const words = (name: string): string => shownWords(one(fields, name))
  const licences = (fields.get('LICENSE') ?? []).map(shownWords)
  const licence = licences.length === 1 ? spdxExpression(licences.join()) : null
  return {
    ...emptyPackage('alpm', 'alpm'),
    name,
    version,
    purl: systemPurl(
      { type: 'alpm', name, version, arch: one(fields, 'ARCH'), upstream: one(fields, 'BASE') || undefined },
      os,
      'arch',
    ),
    supplier: parseParty(words('PACKAGER')),
    licence,
    // Of several the database does not say whether all apply or one may be chosen.
    licenceText: licence === null && licences.length > 0 ? licences.join(', ') : null,
    homepage: homepageOf(words('URL')),
    locations: [path],
  }
}

/** Name of a dependency or provision: `libfoo.so=1-64`, `bash>=5`. */
function nameOf(text: string): string {
  return text.replace(/[<>=:].*$/, '')
}

function ownedFiles(path: string, purl: string, facts: ReadonlyMap<string, Fact>): OwnedFile[] {
  const [, prefix = '', folder = ''] = place.exec(path) ?? []
  const [files, mtree] = [facts.get(`${prefix}${folder}/files`), facts.get(`${prefix}${folder}/mtree`)]
  const sums = new Map(mtree?.is === 'mtree' ? mtree.sums : [])
  const listed = files?.is === 'files' ? files : { paths: [], backup: [] }
  const backup = new Set(listed.backup)
  return [...new Set([...listed.paths, ...sums.keys()])].map((file) => {
    const sha256 = sums.get(file)
    return {
      path: prefix + file.replace(/\/$/, ''),
      purl,
      ...(sha256 === undefined ? {} : { checksum: { algorithm: 'SHA-256', value: sha256 } as const }),
      ...(backup.has(file) ? { config: true } : {}),
    }
  })
}

/** Lists of files of a package that has no description. */
function orphans(facts: ReadonlyMap<string, Fact>): Gap[] {
  return [...facts.keys()].flatMap((path): Gap[] => {
    const folder = path.slice(0, path.lastIndexOf('/'))
    if (path.endsWith('/desc') || facts.has(`${folder}/desc`)) return []
    return [{ path, kind: 'alpm', reason: 'unreadable', why: 'the package has a list of files and no description' }]
  })
}
