import type { PassReader } from '../image/types.ts'
import { DpkgCataloger } from './catalogers/dpkg.ts'
import { NpmCataloger } from './catalogers/npm.ts'
import { OsReleaseReader } from './catalogers/os-release.ts'
import type { Catalogue, FoundPackage, Inventory } from './model.ts'

export interface SbomReaders {
  /** To be put on a pass, alone or beside others. */
  readonly readers: readonly PassReader[]
  /** What was found; to be called once, after the pass. @throws VerificationError `format-invalid` for an unreadable package database */
  finish(inventory: Inventory): Catalogue
}

/** The catalogers as readers on a pass: dpkg and npm. */
export function sbomReaders(): SbomReaders {
  const [dpkg, npm, release] = [new DpkgCataloger(), new NpmCataloger(), new OsReleaseReader()]
  return {
    readers: [dpkg, npm, release],
    finish: (inventory) => {
      const os = release.finish()
      const deb = dpkg.finish(os)
      const node = npm.finish()
      const owners = realPaths(deb.owners, inventory)
      for (const found of node.packages) {
        const owner = owners.get(found.locations[0] as string)
        // Owned only where all its places are: a copy that something else brought is its own.
        if (owner !== undefined && found.locations.every((path) => owners.has(path))) found.ownedBy = owner
      }
      return {
        os,
        packages: unique([...deb.packages, ...node.packages]),
        unreadable: node.unreadable,
        unattributed: countUnattributed(inventory, owners, node.packages),
      }
    },
  }
}

/** dpkg lists `/lib/x` where the file lies in `usr/lib/x`: folders of the root that are links are followed (usr-merge). */
function realPaths(owners: ReadonlyMap<string, string>, inventory: Inventory): Map<string, string> {
  const links = new Map<string, string>()
  for (const { path, type, link } of inventory) {
    if (type === 'symlink' && !path.includes('/') && link !== undefined)
      links.set(path, link.replace(/^\/+/, '').replace(/\/+$/, ''))
  }
  const real = new Map<string, string>()
  for (const [path, purl] of owners) {
    const slash = path.indexOf('/')
    const target = slash === -1 ? undefined : links.get(path.slice(0, slash))
    real.set(target === undefined ? path : `${target}${path.slice(slash)}`, purl)
  }
  return real
}

/** The same package in two databases (a chroot within the image) is one package with two places. */
function unique(packages: readonly FoundPackage[]): FoundPackage[] {
  const byPurl = new Map<string, FoundPackage>()
  for (const found of packages) {
    const known = byPurl.get(found.purl)
    if (known === undefined) byPurl.set(found.purl, found)
    else known.locations = [...new Set([...known.locations, ...found.locations])]
  }
  for (const found of byPurl.values()) found.locations.sort()
  return [...byPurl.values()].sort((a, b) => (a.purl < b.purl ? -1 : a.purl > b.purl ? 1 : 0))
}

function countUnattributed(
  inventory: Inventory,
  owners: ReadonlyMap<string, string>,
  npm: readonly FoundPackage[],
): number {
  const folders = new Set(
    npm.flatMap(({ locations }) => locations.map((path) => path.replace(/\/?package\.json$/, ''))),
  )
  let count = 0
  for (const { path, type } of inventory) {
    if ((type !== 'file' && type !== 'hardlink') || owners.has(path)) continue
    let at = path
    let inside = folders.has('')
    while (!inside && at.includes('/')) {
      at = at.slice(0, at.lastIndexOf('/'))
      inside = folders.has(at)
    }
    if (!inside) count++
  }
  return count
}
