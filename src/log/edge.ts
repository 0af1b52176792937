import { completeRoot, foldRoots, hashBytes, leafHash } from './hash.ts'
import { encodeEntries } from './entry-bundle.ts'
import { tileWidth, type Tile } from './tiles.ts'

/** The right edge of a tree: all that must be known of it to append. */
export interface Edge {
  /** Number of entries. */
  size: number
  /** Hashes of the partial tile of each level, 0 to 255 of them, one behind the other. */
  rows: readonly Buffer[]
  /** Bytes of the partial bundle of entries. */
  entries: Buffer
}

export const emptyEdge: Edge = { size: 0, rows: [], entries: Buffer.alloc(0) }

/** A tree after entries were appended. */
export interface Grown {
  edge: Edge
  /** Tiles and bundles that are new or have more in them than before. Full ones never change again. */
  tiles: Tile[]
  root: Buffer
}

/** Root of a tree by its edge: the complete subtrees of each partial tile, from the highest level down. */
export function edgeRoot({ rows }: Edge): Buffer {
  const roots: Buffer[] = []
  for (const row of [...rows].reverse()) {
    const hashes = row.length / hashBytes
    let at = 0
    for (let width = tileWidth / 2; width >= 1; width /= 2) {
      if (hashes - at < width) continue
      roots.push(completeRoot(row.subarray(at * hashBytes, (at + width) * hashBytes)))
      at += width
    }
  }
  return foldRoots(roots)
}

/**
 * Appends entries to a tree. Nothing is read or written: the caller stores the tiles, then a checkpoint over size and root.
 *
 * @throws InputError `input-invalid` for an entry over 65,535 bytes
 */
export function appendEntries(before: Edge, entries: readonly Uint8Array[]): Grown {
  const tiles: Tile[] = []
  const rows = before.rows.map((row) => [row])
  const counts = before.rows.map((row) => row.length / hashBytes)
  const changed = new Set<number>()
  /** Tiles of a level that are full so far. */
  const full = (level: number, size: number): number => Math.floor(size / tileWidth ** (level + 1))

  const push = (level: number, hash: Buffer, size: number): void => {
    const row = (rows[level] ??= [])
    row.push(hash)
    counts[level] = (counts[level] ?? 0) + 1
    changed.add(level)
    if (counts[level] < tileWidth) return
    const bytes = Buffer.concat(row)
    tiles.push({ id: { level, index: full(level, size) - 1, width: tileWidth }, bytes })
    rows[level] = []
    counts[level] = 0
    changed.delete(level)
    push(level + 1, completeRoot(bytes), size)
  }

  let size = before.size
  let bundle: Buffer[] = [before.entries]
  for (const entry of entries) {
    size++
    bundle.push(encodeEntries([entry]))
    push(0, leafHash(entry), size)
    if (size % tileWidth > 0) continue
    const id = { level: 'entries', index: full(0, size) - 1, width: tileWidth } as const
    tiles.push({ id, bytes: Buffer.concat(bundle) })
    bundle = []
  }
  const edge: Edge = { size, rows: rows.map((row) => Buffer.concat(row)), entries: Buffer.concat(bundle) }
  for (const level of changed) {
    const bytes = edge.rows[level] ?? Buffer.alloc(0)
    tiles.push({ id: { level, index: full(level, size), width: bytes.length / hashBytes }, bytes })
  }
  if (changed.has(0)) {
    tiles.push({ id: { level: 'entries', index: full(0, size), width: size % tileWidth }, bytes: edge.entries })
  }
  return { edge, tiles, root: edgeRoot(edge) }
}
