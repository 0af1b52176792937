import type { Inherited } from './layer-folders.ts'
import type { Places } from './places.ts'
import type { Place } from '../tar/refusals.ts'
import type { Row } from './rows.ts'

/** An upper layer has an entry for this folder. */
export const decided = 1
/** Upper layers hide what lower layers have in this folder. */
export const covered = 2
/** An upper layer put something into this folder without an entry for it: it must turn out to be a folder. */
export const needed = 4
/** An upper layer has a whiteout in it and nothing else: a lower one must have made it. */
export const expected = 8
/** It is a folder because something lies in it. */
export const implicit = 16
/** A layer between has something else here: lower layers are hidden, the folder itself included. */
export const closed = 32

/** What upper layers say of one folder of the merged view. */
export class ViewFolder {
  readonly parent: ViewFolder | null
  readonly path: string
  /** Number of the path. */
  readonly number: number
  flags = 0
  folders: Map<string, ViewFolder> | null = null
  /** Names that upper layers took away. */
  gone: Set<string> | null = null
  /** Hard links of upper layers to what should lie here, by its name. */
  awaited: Map<string, Row[]> | null = null
  /** How many names are awaited here and below. */
  waiting = 0
  /** Why engines differ in whether lower layers are seen in here. */
  dispute: string | null = null
  /** Names of pax global headers of upper layers. */
  globals: Set<string> | null = null
  /** Of a folder without an entry: see {@link LayerFolder}. */
  inherits: Inherited = 'older'
  /** The entry of an upper layer that needs the folder. */
  place: Place | null = null

  constructor(parent: ViewFolder | null, path: string, places: Places) {
    this.parent = parent
    this.path = path
    this.number = places.take(path)
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0
  }

  folder(name: string, path: string, places: Places): ViewFolder {
    const found = this.folders?.get(name)
    if (found !== undefined) return found
    const made = new ViewFolder(this, path, places)
    this.folders = (this.folders ?? new Map<string, ViewFolder>()).set(name, made)
    return made
  }

  countWaiting(change: number): void {
    this.waiting += change
    for (let folder = this.parent; folder !== null; folder = folder.parent) folder.waiting += change
  }
}
