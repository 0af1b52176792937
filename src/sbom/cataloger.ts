import type { ExtraDigest } from '../image/types.ts'
import type { FoundPackage, Gap, OsRelease, OwnedFile } from './model.ts'
import type { FileTree } from './tree.ts'

/** What is known of a file before its content is read. */
export interface FileHead {
  path: string
  /** Last part of the path. */
  name: string
  /** Last part of the folder; empty in the root. */
  parent: string
  size: number
  mode: number
  /** The first four bytes, big-endian; 0 where there are fewer. */
  magic: number
}

/** Which files a cataloger is asked about: any of these must fit. They are looked up in tables, so that a hundred catalogers cost no more than one. */
export interface Match {
  /** Exact last parts of the path. */
  names?: readonly string[]
  /** What follows the last dot of the name, in lower case; the case of the name does not count. */
  extensions?: readonly string[]
  /** Exact last parts of the folder. */
  parents?: readonly string[]
  /** First four bytes of the content, big-endian. */
  magics?: readonly number[]
  /** Tested for every file: for the few rules that no table can hold. */
  any?: (file: FileHead) => boolean
}

export interface CatalogContext {
  os: OsRelease | null
  tree: FileTree
}

export interface Cataloged {
  packages: FoundPackage[]
  /** Files that these packages own by their own databases. */
  owned?: OwnedFile[]
  /** Folders whose whole content belongs to a package (an npm module, a Python distribution without RECORD); folder to purl. */
  folders?: ReadonlyMap<string, string>
  gaps?: Gap[]
}

/**
 * Finds packages of one kind. A file that fits is read into a small fact when it flows by, and `finish` makes packages of all facts; the
 * bytes are not kept. A cataloger is a value without state: one serves any number of passes.
 */
export interface Cataloger<Fact = unknown> {
  /** Stable name, shown in documents: `dpkg`, `npm`, `go-binary`. */
  readonly name: string
  /** Kind of package that a gap names: `deb`, `npm`, `golang`. */
  readonly kind: string
  /** `installed`: what lies in an image; `declared`: what a lock file of a source tree asks for; `both`. */
  readonly finds: 'installed' | 'declared' | 'both'
  readonly match: Match
  /**
   * Folders with fixed places (`var/lib/dpkg`) that may be symbolic links: files of a linked folder are offered under these names.
   * No leading or trailing slash.
   */
  readonly folders?: readonly string[]
  /** Most bytes wanted of a file that matches, or 0. A larger file than that becomes a gap, unless `takesHead`. */
  wants(file: FileHead): number
  /** The first bytes are enough: a larger file is no gap. */
  readonly takesHead?: boolean
  /** Its facts share no memory with the content, which is then not copied for it. */
  readonly inPlace?: boolean
  /**
   * Whether a file means the same to it under both names: then it is read once. Default: hard links where the last parts of the names are
   * equal, symbolic links always. To be given where names say what a file is.
   */
  readonly sameAs?: (a: FileHead, b: FileHead) => boolean
  /** A database of the whole system: one that is damaged or too large ends the description with the error. */
  readonly strict?: boolean
  /**
   * Reads one file; null where it is not what its name says and nothing is lost.
   *
   * @throws any error: the file becomes a gap `unreadable` with the error's message, and nothing else is lost
   */
  read(file: FileHead, content: Buffer): Fact | null
  /** @throws VerificationError where the whole description would be wrong */
  finish(facts: ReadonlyMap<string, Fact>, context: CatalogContext): Cataloged
  /** A digest beside SHA-256 that this kind's databases have of their files. */
  readonly digest?: {
    algorithm: ExtraDigest
    /** Where its packages usually have files: these are hashed while they flow by. Others that a package lists are read a second time. */
    of(path: string): boolean
    /** Files that only a system of this kind has. */
    marks(path: string): boolean
  }
}
