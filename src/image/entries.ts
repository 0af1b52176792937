import { MergedInventory } from './merged-inventory.ts'
import type { Entries, InventoryEntry } from './types.ts'

/** Entries for a reader that looks at a few members of each: what it does not read is not made. */
export function lazyEntries(entries: Entries): Iterable<InventoryEntry> {
  return entries instanceof MergedInventory ? entries.lazy() : entries
}

/** The entries of one type. */
export function entriesOfType(entries: Entries, type: 'file' | 'symlink'): Iterable<InventoryEntry> {
  return entries instanceof MergedInventory ? entries.ofType(type) : ofType(entries, type)
}

function* ofType(entries: Entries, type: InventoryEntry['type']): Generator<InventoryEntry> {
  for (const entry of entries) if (entry.type === type) yield entry
}

/** Looks up entries by their exact path. */
export function entryFinder(entries: Entries): (path: string) => InventoryEntry | undefined {
  if (entries instanceof MergedInventory) return (path) => entries.get(path)
  const byPath = new Map<string, InventoryEntry>()
  for (const entry of entries) byPath.set(entry.path, entry)
  return (path) => byPath.get(path)
}
