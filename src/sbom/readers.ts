import { table } from '../base/table.ts'
import type { Entries, PassReader } from '../image/types.ts'
import type { Cataloged, Cataloger } from './cataloger.ts'
import { catalogers as all } from './catalogers/index.ts'
import { OsReleaseReader } from './catalogers/os-release.ts'
import { Collector } from './collect.ts'
import { comparable, measureCoverage, uncompared } from './coverage.ts'
import { DigestReader, type Summed } from './digests.ts'
import type { Catalogue, FoundPackage, Gap, OsRelease, OwnedFile } from './model.ts'
import { absorb } from './merge.ts'
import { oddNames } from './odd-names.ts'
import { resolveFolders, resolveOwners } from './ownership.ts'
import { takeTree, type FileTree } from './tree.ts'

export interface SbomReaders {
  /** To be put on a pass, alone or beside others. */
  readonly readers: readonly PassReader[]
  /** What was found; to be called once, after the pass. @throws VerificationError `format-invalid` for an unreadable package database */
  finish(inventory: Entries): Catalogue
}

/**
 * The catalogers as readers on a pass.
 *
 * @param subject `image`: what is installed; `source`: also what lock files declare
 */
export function sbomReaders(subject: 'image' | 'source' = 'image'): SbomReaders {
  const used = all.filter(({ finds }) => subject === 'source' || finds !== 'declared')
  const collector = new Collector(used)
  const release = new OsReleaseReader()
  let settled: Settled | null = null
  const settle = (inventory: Entries): Settled => {
    if (settled?.inventory !== inventory) settled = settledFrom(collector, release, inventory)
    return settled
  }
  const summed: Summed = (inventory, algorithm) => {
    const wanted = algorithm === 'md5' ? 'MD5' : 'SHA-1'
    return [...comparable(settle(inventory))].flatMap(([path, { checksum }]) =>
      checksum.algorithm === wanted ? [path] : [],
    )
  }
  const digests = { md5: new DigestReader('md5', used, summed), sha1: new DigestReader('sha1', used, summed) }
  return {
    readers: [collector, digests.md5, digests.sha1, release],
    finish: (inventory) => {
      const known = settle(inventory)
      // Its memory is free before the documents are written.
      settled = null
      return catalogue(known, digests, used, collector.binaries)
    },
  }
}

/** What is known once every file was read under all its names; digests may still come. */
interface Settled {
  inventory: Entries
  os: OsRelease | null
  tree: FileTree
  results: ReturnType<Collector['finish']>
  owners: Map<string, OwnedFile>
}

function settledFrom(collector: Collector, release: OsReleaseReader, inventory: Entries): Settled {
  const os = release.finish()
  const tree = takeTree(inventory)
  const results = collector.finish({ os, tree })
  const owners = resolveOwners(
    results.flatMap(({ result }) => result.owned ?? []),
    tree,
  )
  return { inventory, os, tree, results, owners }
}

function catalogue(
  { os, tree, results, owners }: Settled,
  digests: Readonly<Record<'md5' | 'sha1', DigestReader>>,
  used: readonly Cataloger[],
  binaries: ReadonlySet<string>,
): Catalogue {
  const packages = unique(
    results.flatMap(({ result }) => result.packages).filter((found) => !repeatsOwner(found, owners)),
  )
  for (const found of packages) {
    const owner = owners.get(found.locations[0] as string)?.purl
    // Owned only where all its places are: a copy that something else brought is its own.
    if (owner !== undefined && owner !== found.purl && found.locations.every((path) => owners.has(path)))
      found.ownedBy = owner
  }
  const folders = resolveFolders(results.flatMap(({ result }) => [...(result.folders ?? [])]))
  return {
    os,
    packages,
    catalogers: used.map(({ name }) => name).sort(),
    gaps: sortGaps([
      ...results.flatMap(({ gaps }) => gaps),
      ...uncompared({ tree, owners, digests }),
      ...oddNames(packages),
    ]),
    coverage: measureCoverage({
      tree,
      owners,
      folders,
      ownFiles: ownFiles(results),
      binaries,
      digests,
    }),
  }
}

/**
 * What stands in a program that a system's package database owns repeats what the database says of it, and an assembly that a deps.json names is
 * of the package there. A copy elsewhere is its own.
 */
function repeatsOwner({ cataloger, locations }: FoundPackage, owners: ReadonlyMap<string, OwnedFile>): boolean {
  const by = repeating[cataloger]
  return by !== undefined && locations.every((path) => by.test(owners.get(path)?.purl ?? ''))
}

const ofSystem = /^pkg:(?:deb|rpm|apk|alpm|opkg)\//
const repeating: Readonly<Record<string, RegExp>> = table({
  'binary-classifier': ofSystem,
  'elf-note': ofSystem,
  'php-extension': ofSystem,
  'pe-version': /^pkg:nuget\//,
})

/** Files that packages were read from (databases, manifests) belong to what reads them. */
function ownFiles(results: readonly { result: Cataloged }[]): ReadonlySet<string> {
  return new Set(results.flatMap(({ result }) => result.packages.flatMap(({ locations }) => locations)))
}

/** The same package in two databases (a chroot within the image) is one package with two places. */
function unique(packages: readonly FoundPackage[]): FoundPackage[] {
  const byPurl = new Map<string, FoundPackage>()
  for (const found of packages) {
    const known = byPurl.get(found.purl)
    if (known !== undefined) absorb(known, found)
    else byPurl.set(found.purl, { ...found, locations: [...found.locations], dependsOn: [...found.dependsOn] })
  }
  for (const found of byPurl.values()) {
    found.locations = [...new Set(found.locations)].sort()
    found.dependsOn = [...new Set(found.dependsOn)].sort()
  }
  return [...byPurl.values()].sort((a, b) => compare(a.purl, b.purl))
}

function sortGaps(gaps: readonly Gap[]): Gap[] {
  return [...gaps].sort((a, b) => compare(a.path, b.path) || compare(a.kind, b.kind))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
