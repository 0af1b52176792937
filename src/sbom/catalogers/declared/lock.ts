import type { Cataloger, FileHead, Match } from '../../cataloger.ts'
import type { FoundPackage, Gap } from '../../model.ts'
import type { Losses } from '../losses.ts'

/** How one kind of lock file is read. */
export interface LockFile {
  /** Name of the cataloger. */
  name: string
  kind: string
  match: Match
  /** Tells files of this kind from others of the same name; default: all are. */
  when?: (file: FileHead) => boolean
  /** Packages of one file, without its path; null where it is no file of this kind. @throws Error for a damaged one */
  read(content: Buffer, file: FileHead): FoundPackage[] | Partly | null
}

/** What could be read of a file that has parts which could not. */
export interface Partly {
  packages: FoundPackage[]
  /** Names the first such part. */
  why: string
}

/** Packages of a file, and which of its entries cannot be read. */
export function partly(packages: FoundPackage[], { why }: Losses): FoundPackage[] | Partly {
  return why === null ? packages : { packages, why }
}

/** The gap of a file with entries that cannot be read; none where all can. */
export function gapOf(path: string, kind: string, why: string | null): Gap[] {
  return why === null ? [] : [{ path, kind, reason: 'unreadable', why }]
}

/** Most bytes of a lock file. */
export const lockLimit = 64 << 20

/** A cataloger of files each of which names its packages by itself. */
export function lockFile({ name, kind, match, when, read }: LockFile): Cataloger<FoundPackage[] | Partly> {
  return {
    name,
    kind,
    finds: 'declared',
    match,
    wants: (file) => (isOfDependency(file) || when?.(file) === false ? 0 : lockLimit),
    read: (file, content) => read(content, file),
    finish: (facts) => ({
      packages: [...facts].flatMap(([path, fact]) =>
        (Array.isArray(fact) ? fact : fact.packages).map((found) => ({ ...found, locations: [path] })),
      ),
      gaps: [...facts].flatMap(([path, fact]) => (Array.isArray(fact) ? [] : gapOf(path, kind, fact.why))),
    }),
  }
}

/** The lock file of a dependency says how its authors built it, not what is used here. */
export function isOfDependency({ path }: FileHead): boolean {
  return /(?:^|\/)node_modules\//.test(path)
}

/** A package, and the names by which its file tells what it needs. */
export interface Linked {
  found: FoundPackage
  needs: readonly string[]
}

/** Sets the edges of packages that name each other in one file. */
export function link(
  entries: readonly Linked[],
  purlOf: (need: string, found: FoundPackage) => string | undefined,
): FoundPackage[] {
  for (const { found, needs } of entries) {
    const purls = needs.map((need) => purlOf(need, found)).filter((purl) => purl !== undefined)
    found.dependsOn = [...new Set([...found.dependsOn, ...purls])].filter((purl) => purl !== found.purl).sort()
  }
  return entries.map(({ found }) => found)
}

/** More versions of one package than a lock file has; their users times them would be a huge number of edges. */
const mostVersions = 16

/** As {@link link}, by name: a file may have several versions of one package, for different platforms, and each user gets all. */
export function linkAll(entries: readonly Linked[]): FoundPackage[] {
  const all = new Map<string, Set<string>>()
  for (const { found } of entries) {
    const known = all.get(found.name)
    if (known === undefined) all.set(found.name, new Set([found.purl]))
    else known.add(found.purl)
  }
  for (const { found, needs } of entries) {
    const purls = needs.flatMap((need) => {
      const versions = all.get(need)
      return versions === undefined || versions.size > mostVersions ? [] : [...versions]
    })
    found.dependsOn = [...new Set(purls)].filter((purl) => purl !== found.purl).sort()
  }
  return entries.map(({ found }) => found)
}

/** purls by name, for files with one version of each. */
export function byName(entries: readonly Linked[]): Map<string, string> {
  return new Map(entries.map(({ found }) => [found.name, found.purl]))
}

/**
 * Marks what only developers need: all that the roots of development reach and the others do not.
 *
 * @param roots purls that are needed to run
 */
export function markDevelopment(
  packages: readonly FoundPackage[],
  roots: Iterable<string>,
  developing: Iterable<string>,
): void {
  const edges = new Map<string, Set<string>>()
  for (const { purl, dependsOn } of packages) {
    const known = edges.get(purl) ?? new Set()
    for (const need of dependsOn) known.add(need)
    edges.set(purl, known)
  }
  const reach = (from: Iterable<string>): Set<string> => {
    const found = new Set(from)
    // A set goes on with what is added while it is walked through.
    for (const purl of found) for (const need of edges.get(purl) ?? []) found.add(need)
    return found
  }
  const [running, development] = [reach(roots), reach(developing)]
  for (const found of packages) if (development.has(found.purl) && !running.has(found.purl)) found.scope = 'development'
}
