import { hashBytes, leafHash } from './merkle.ts'
import { completeRoot, foldRoots } from './subtree.ts'
import { encodeEntries } from './entry-bundle.ts'
import { tileWidth, type Tile } from './tiles.ts'

/** The right edge of a tree of hashes: all that must be known of it to append. */
export interface Edge {
  /** Number of leaves. */
  size: number
  /** Hashes of the partial tile of each level, 0 to 255 of them, one behind the other. */
  rows: readonly Buffer[]
}

export const emptyEdge: Edge = { size: 0, rows: [] }

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
 * Appends leaves to a tree. Nothing is read or written.
 *
 * @param leaves hashes of the new leaves
 * @returns the new edge, and the tiles that are new or have more in them than before: full ones never change again
 */
export function appendLeaves(before: Edge, leaves: readonly Buffer[]): { edge: Edge; tiles: Tile[] } {
  const tiles: Tile[] = []
  const rows = before.rows.map((row) => [row])
  const counts = before.rows.map((row) => row.length / hashBytes)
  const changed = new Set<number>()
  let size = before.size
  /** Tiles of a level that are full so far. */
  const full = (level: number): number => Math.floor(size / tileWidth ** (level + 1))
  const push = (level: number, hash: Buffer): void => {
    const row = (rows[level] ??= [])
    row.push(hash)
    counts[level] = (counts[level] ?? 0) + 1
    changed.add(level)
    if (counts[level] < tileWidth) return
    const bytes = Buffer.concat(row)
    tiles.push({ id: { level, index: full(level) - 1, width: tileWidth }, bytes })
    rows[level] = []
    counts[level] = 0
    changed.delete(level)
    push(level + 1, completeRoot(bytes))
  }
  for (const leaf of leaves) {
    size++
    push(0, leaf)
  }
  const edge: Edge = { size, rows: rows.map((row) => Buffer.concat(row)) }
  for (const level of changed) {
    const bytes = edge.rows[level] ?? Buffer.alloc(0)
    tiles.push({ id: { level, index: full(level), width: bytes.length / hashBytes }, bytes })
  }
  return { edge, tiles }
}

/** The right edge of a log: of its tree and of its bundles of entries. */
export interface LogEdge {
  tree: Edge
  /** Bytes of the partial bundle of entries. */
  entries: Buffer
}

/** A log after entries were appended. */
export interface Grown {
  edge: LogEdge
  /** Tiles and bundles that are new or have more in them than before. */
  tiles: Tile[]
  root: Buffer
}

/**
 * Appends entries to a log. The caller stores the tiles, then a checkpoint over size and root.
 *
 * @throws InputError `input-invalid` for an entry over 65,535 bytes
 */
export function appendEntries(before: LogEdge, entries: readonly Uint8Array[]): Grown {
  const bundles: Tile[] = []
  let bundle: Buffer[] = [before.entries]
  let { size } = before.tree
  for (const entry of entries) {
    size++
    bundle.push(encodeEntries([entry]))
    if (size % tileWidth > 0) continue
    const id = { level: 'entries', index: size / tileWidth - 1, width: tileWidth } as const
    bundles.push({ id, bytes: Buffer.concat(bundle) })
    bundle = []
  }
  const partial = Buffer.concat(bundle)
  if (size % tileWidth > 0 && entries.length > 0) {
    const id = { level: 'entries', index: Math.floor(size / tileWidth), width: size % tileWidth } as const
    bundles.push({ id, bytes: partial })
  }
  const { edge, tiles } = appendLeaves(before.tree, entries.map(leafHash))
  return { edge: { tree: edge, entries: partial }, tiles: [...bundles, ...tiles], root: edgeRoot(edge) }
}
