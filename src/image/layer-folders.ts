import type { Place } from './places.ts'
import type { Row } from './rows.ts'

/** A real entry lies in this folder, or it has one of its own: every engine makes it. */
export const used = 1
/** A whiteout hides what older layers have in it (OCI image-spec, opaque whiteout). */
export const opaque = 2
/** It took the place of something that this layer had taken away first: overlay mounts still show what older layers have in it. */
export const reborn = 4

export type Inherited = number | 'plain' | 'older'

/** A folder of one layer: with an entry, implied by what lies in it, or only on the way to a whiteout. */
export class LayerFolder {
  readonly parent: LayerFolder | null
  readonly path: string
  readonly place: Place
  flags = 0
  /** Its own entry, or 0. */
  record: Row = 0
  /** Folders in it, by name. */
  folders: Map<string, LayerFolder> | null = null
  /** Everything else put into it, replaced entries included: the first and the last row of a chain, or 0. */
  firstLeaf: Row = 0
  lastLeaf: Row = 0
  /** Names that whiteouts take away from older layers, with the byte of the whiteout. */
  gone: Map<string, number> | null = null
  /** Names of pax global headers. */
  globals: Map<string, number> | null = null
  /** Used folders without an entry, this one and all below it. */
  implied = 0
  /** Byte of the entry that first needed it. */
  position = 0
  /**
   * What a folder without an entry gets from the one that it is made in: `plain` nothing, a number that group and setgid (mkdir(2)), `older` what
   * that one has in older layers.
   */
  inherits: Inherited = 'older'

  constructor(parent: LayerFolder | null, path: string, place: Place) {
    this.parent = parent
    this.path = path
    this.place = place
  }

  get isUsed(): boolean {
    return (this.flags & used) !== 0
  }

  /** Adds to the count of implied folders here and above. */
  countImplied(change: number): void {
    this.implied += change
    for (let folder = this.parent; folder !== null; folder = folder.parent) folder.implied += change
  }
}
