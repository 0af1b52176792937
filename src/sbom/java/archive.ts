import { createHash } from 'node:crypto'
import { messageOf } from '../../base/errors.ts'
import { readZip, zipContent, type ZipEntry } from '../binary/zip.ts'
import { malformed } from '../binary/view.ts'
import { parseManifest, type Manifest } from './manifest.ts'
import { parsePom, parsePomProperties, type Coordinates, type Pom } from './pom.ts'

export const archiveLimits = {
  /** Bytes of one archive on disk. */
  file: 512 << 20,
  /** Bytes of one manifest or project file. */
  text: 4 << 20,
  /** Bytes of one archive within another. */
  nested: 256 << 20,
  /** Bytes that are inflated for one file in all. */
  total: 2 * 2 ** 30,
  /** Archives within archives. */
  depth: 5,
  /** Archives within one file in all. */
  count: 20_000,
} as const

/** File names that archives of Java have. */
export const archiveExtensions = [
  'jar',
  'war',
  'ear',
  'par',
  'sar',
  'nar',
  'jpi',
  'hpi',
  'kar',
  'far',
  'lpkg',
  'rar',
  'zap',
] as const
const nestedName = new RegExp(`\\.(?:${archiveExtensions.join('|')})$`)
const wantedName = new RegExp(
  `^META-INF/MANIFEST\\.MF$|^version\\.properties$|(?:^|/)[^/]*pom\\.properties$|(?:^|/)[^/]*pom\\.xml$|${nestedName.source}`,
)

/** What an archive says of itself. */
export interface Archive {
  /** Its own name and those of the archives around it, outermost first. */
  path: readonly string[]
  sha1: string
  manifest: Manifest | null
  /** By the folder of the file within the archive, sorted. */
  properties: (Coordinates & { folder: string })[]
  poms: (Pom & { folder: string })[]
  /** `version.properties` at the root. */
  versionProperties: string
  nested: Archive[]
}

/** Counts down over one file on disk, so that no nesting multiplies the work. */
export interface Budget {
  bytes: number
  archives: number
  /** What was left out, in words. */
  missed: string[]
}

/**
 * Reads an archive and those within it. What of it cannot be read is named in `budget.missed`, and the rest counts.
 *
 * @returns null where it is no zip archive
 * @throws VerificationError `format-invalid` where its directory is damaged
 */
export function readArchive(bytes: Buffer, path: readonly string[], budget: Budget): Archive | null {
  const entries = readZip(bytes, (name) => wantedName.test(name))
  if (entries === null) return null
  const read = (entry: ZipEntry, most: number): Buffer | null => {
    if (entry.method !== 0) budget.bytes -= entry.size
    try {
      if (budget.bytes < 0) throw malformed(`at most ${archiveLimits.total} bytes are inflated for one file`)
      return zipContent(bytes, entry, most)
    } catch (error) {
      budget.missed.push(`${[...path.slice(1), entry.name].join(':')}: ${messageOf(error)}`)
      return null
    }
  }
  const text = (entry: ZipEntry): string => read(entry, archiveLimits.text)?.toString('utf8') ?? ''
  const named = (pattern: RegExp): ZipEntry[] =>
    entries.filter(({ name }) => pattern.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1))
  const folder = ({ name }: ZipEntry): string => name.slice(0, name.lastIndexOf('/') + 1)
  const manifest = named(/^META-INF\/MANIFEST\.MF$/)[0]
  const version = named(/^version\.properties$/)[0]
  return {
    path,
    sha1: createHash('sha1').update(bytes).digest('hex'),
    manifest: manifest === undefined ? null : parseManifest(text(manifest)),
    properties: named(/pom\.properties$/).flatMap((entry) => {
      const found = parsePomProperties(text(entry))
      return found === null ? [] : [{ ...found, folder: folder(entry) }]
    }),
    poms: named(/pom\.xml$/).map((entry) => ({ ...parsePom(text(entry)), folder: folder(entry) })),
    versionProperties: version === undefined ? '' : text(version),
    nested: named(nestedName).flatMap((entry) => nestedOf(entry, path, budget, read)),
  }
}

function nestedOf(
  entry: ZipEntry,
  path: readonly string[],
  budget: Budget,
  read: (entry: ZipEntry, most: number) => Buffer | null,
): Archive[] {
  const inner = [...path, entry.name]
  const miss = (why: string): Archive[] => {
    budget.missed.push(`${inner.slice(1).join(':')}: ${why}`)
    return []
  }
  if (path.length > archiveLimits.depth) return miss(`archives are read to depth ${archiveLimits.depth}`)
  if (--budget.archives < 0) return miss(`at most ${archiveLimits.count} archives are read within one file`)
  const content = read(entry, archiveLimits.nested)
  if (content === null) return []
  try {
    const found = readArchive(content, inner, budget)
    return found === null ? miss('is not a zip archive') : [found]
  } catch (error) {
    return miss(messageOf(error))
  }
}
