import type { InventoryEntry, TarEntry } from '../../../image/types.ts'
import type { Gap } from '../../model.ts'

/** What has no place among the entries of a tree. */
export interface TreeRest {
  /** Files and folders that are there and could not be read. */
  gaps: Gap[]
  /** Sockets, which no archive can hold. */
  sockets: InventoryEntry[]
}

/**
 * A tree of files that is read once, in byte order of its paths. Every folder has an entry of its own; the root has none. Extended attributes
 * in its headers are in the form of inventories (`inventoryXattrs`).
 */
export interface Tree {
  /** The body of an entry must be read before the next entry is asked for. */
  entries(): AsyncIterable<TarEntry>
  /** Some files once more, for readers that want them under another name. */
  again(paths: ReadonlySet<string>): AsyncIterable<TarEntry>
  /** Complete once `entries` has ended. */
  rest(): TreeRest
}

/** Limits of one tree, so that a hostile one ends with an error and not with the machine's memory. */
export const treeLimits = {
  entries: 5_000_000,
  /** Bytes of a path (PATH_MAX). */
  path: 4096,
} as const
