import type { Digest, Platform } from '../oci/types.ts'
import type { LayerFacts } from '../image/types.ts'
import type { EngineFacts } from './engines/types.ts'
import type { Subject } from './subjects/types.ts'

export interface Party {
  kind: 'person' | 'organization'
  name: string
  email?: string | undefined
  url?: string | undefined
}

/** A digest as a package's own metadata gives it: of its archive or of one file. */
export interface Checksum {
  algorithm: 'MD5' | 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'
  /** Lower-case hex. */
  value: string
}

/** A package as the catalogers found it, before it is written in one format or another. */
export interface FoundPackage {
  /** Kind of package: the type of its purl, or a finer word (`kernel-module`, `model`, `binary`). */
  type: string
  /** Which cataloger found it. */
  cataloger: string
  name: string
  /** Null: its metadata has none, and the documents say so. */
  version: string | null
  /** Key of the package in all documents; without `@version` where that is unknown. */
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
  /** Of the archive that it was installed from, where its metadata records it. */
  checksums?: Checksum[] | undefined
  /** What a declared (not installed) dependency is for. Default: `required`. */
  scope?: 'required' | 'optional' | 'development' | 'build' | undefined
  /** Further facts, each a name and a value, in a fixed order. */
  properties?: [name: string, value: string][] | undefined
}

/** Why something that is there is not described. */
export const gapReasons = ['unreadable', 'unsupported', 'too-large', 'opaque'] as const

/** A database, marker or file whose packages are missing from the description, which then calls itself incomplete. */
export interface Gap {
  path: string
  /** Kind of package: `rpm`, `npm`, `portage`. */
  kind: string
  reason: (typeof gapReasons)[number]
  why: string
}

/** A file that a package says is its own. */
export interface OwnedFile {
  /** As the package names it, relative to the root. */
  path: string
  /** purl of the package. */
  purl: string
  checksum?: Checksum | undefined
  /** A configuration file, which administrators may change. */
  config?: boolean | undefined
  /** The package says that it may be absent: made at run time (a ghost file), or documentation that was left out. */
  optional?: boolean | undefined
}

/** A packaged file that is not as its package says. */
export interface IntegrityFinding {
  path: string
  purl: string
  kind: 'modified' | 'missing'
}

/** What is known of files beside packages. */
export interface Coverage {
  /** Regular files that no package owns. */
  unattributed: number
  /** Of these, the executable ones (ELF, PE, Mach-O or a script with an execute bit), sorted. */
  executables: string[]
  /** Files with setuid, setgid or capabilities, sorted. */
  privileged: string[]
  /** Packaged files whose checksum was compared. */
  checked: number
  findings: IntegrityFinding[]
}

export interface OsRelease {
  id: string
  versionId: string
  prettyName: string
  /** `ID_LIKE`, split. */
  like?: string[] | undefined
}

/** Everything that the writers need: facts of the image only, nothing of the host. */
export interface Description extends Catalogue {
  name: string
  /** What is described where that is not an image; then `configDigest` is its digest, `layers` is empty and `platform` has empty members. */
  subject?: Subject | undefined
  platform: Platform
  configDigest: Digest
  layers: LayerFacts[]
  /** Seconds since 1970 that the documents give as their time. */
  created: number
  inventoryDigest: Digest
  files: number
  /** Programs beside our own catalogers that found packages. */
  engines?: readonly EngineFacts[] | undefined
  /** Who makes the documents; null: unknown, and the documents say so. */
  author?: Party | null | undefined
  /** Who supplies the subject; null: unknown. */
  supplier?: Party | null | undefined
  /** `build` where the documents are made by what built the subject. Default: `analyzed`, from the finished subject. */
  lifecycle?: 'source' | 'build' | 'analyzed' | undefined
  /** What the subject is, in CycloneDX' words. Default: `container`. */
  subjectType?: string | undefined
}

/** What the catalogers make of a pass. */
export interface Catalogue {
  os: OsRelease | null
  /** Sorted by purl. */
  packages: FoundPackage[]
  /** Names of the catalogers that ran, sorted. */
  catalogers: string[]
  /** Sorted by path. Empty: everything that we know how to look for was looked for and read. */
  gaps: Gap[]
  coverage: Coverage
}
