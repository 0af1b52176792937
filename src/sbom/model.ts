import type { Digest, Platform } from '../oci/types.ts'
import type { InventoryEntry, LayerFacts } from '../image/types.ts'

export interface Party {
  kind: 'person' | 'organization'
  name: string
  email?: string | undefined
}

/** A package as the catalogers found it, before it is written in one format or another. */
export interface FoundPackage {
  type: 'deb' | 'npm'
  name: string
  version: string
  purl: string
  /** Who made or maintains it, where its own metadata says so. */
  supplier: Party | null
  /** Declared licence as an SPDX expression, or null where none can be given. */
  licence: string | null
  /** What the metadata says in its own words, where that is no SPDX expression. */
  licenceText: string | null
  homepage: string | null
  /** Files that show it, sorted. */
  locations: string[]
  /** purl of the OS package that these files belong to. */
  ownedBy: string | null
  /** purls of installed packages that it depends on, sorted. */
  dependsOn: string[]
}

/** What could not be read although it is there; the description then calls itself incomplete. */
export interface Unreadable {
  path: string
  why: string
}

export interface OsRelease {
  id: string
  versionId: string
  prettyName: string
}

/** Everything that the writers need: facts of the image only, nothing of the host. */
export interface Description {
  name: string
  platform: Platform
  configDigest: Digest
  layers: LayerFacts[]
  /** Seconds since 1970 that the documents give as their time. */
  created: number
  os: OsRelease | null
  packages: FoundPackage[]
  unreadable: Unreadable[]
  inventoryDigest: Digest
  files: number
  /** Regular files that no OS package lists and that lie outside all other packages. */
  unattributed: number
}

/** What the catalogers make of a pass. */
export interface Catalogue {
  os: OsRelease | null
  packages: FoundPackage[]
  unreadable: Unreadable[]
  unattributed: number
}

export type Inventory = readonly InventoryEntry[]
