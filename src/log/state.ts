import { VerificationError } from '../base/errors.ts'
import { appendLeaves, edgeRoot, emptyEdge, type Edge, type LogEdge } from './edge.ts'
import { encodeEntries } from './entry-bundle.ts'
import type { LogFiles } from './files.ts'
import { hashBytes, leafHash } from './merkle.ts'
import { LeafIndex } from './leaf-index.ts'
import { bundleReader, tileReader } from './open-log.ts'
import type { TreeHead } from './proof.ts'
import { tileAt, tileWidth } from './tiles.ts'

/** Tiles that are read at a time. */
const parallel = 8

/** What a writer knows of a log: the tree whose root it computed itself, leaf by leaf, and where each leaf stands. */
export interface LogState {
  edge: LogEdge
  leaves: LeafIndex
}

export function emptyState(): LogState {
  return { edge: { tree: emptyEdge, entries: Buffer.alloc(0) }, leaves: new LeafIndex() }
}

/**
 * Brings a writer's knowledge up to a checkpoint. The root is computed from the hashes of all new leaves on top of what the writer knew: a changed
 * tile is found, and so is a log that does not continue what was known.
 *
 * @throws VerificationError `log-broken`, `rolled-back`, `missing-blob`, `format-invalid`
 */
export async function catchUp(state: LogState, head: TreeHead, files: LogFiles): Promise<void> {
  const known = state.edge.tree.size
  if (head.size < known) {
    throw new VerificationError('rolled-back', `${files.name} has ${head.size} entries, but had ${known} before`, {
      subject: files.name,
      remedy: 'Restore the log from the copy with the most entries. Do not append to the smaller one.',
    })
  }
  const { edge, row } = await readLeaves(state.edge.tree, head.size, files)
  if (!edgeRoot(edge).equals(head.root)) throw otherRoot(files.name, head)
  const entries = head.size === known ? state.edge.entries : await partialEntries(edge, files)
  state.leaves.add(row)
  state.edge = { tree: edge, entries }
}

/** Hashes of the leaves behind a known edge, and the edge behind them. */
async function readLeaves(from: Edge, size: number, files: LogFiles): Promise<{ edge: Edge; row: Buffer }> {
  const read = tileReader(files)
  const parts: Buffer[] = []
  let edge = from
  while (edge.size < size) {
    const begin = Math.floor(edge.size / tileWidth)
    const ids = Array.from({ length: parallel }, (_, i) => tileAt(0, begin + i, size)).filter((id) => id !== null)
    const tiles = await Promise.all(ids.map(read))
    const fresh = Buffer.concat(tiles).subarray((edge.size - begin * tileWidth) * hashBytes)
    edge = appendLeaves(edge, hashesIn(fresh)).edge
    parts.push(fresh)
  }
  return { edge, row: Buffer.concat(parts) }
}

/** The partial bundle, which the next entries are added to: its entries must be the leaves. */
async function partialEntries(edge: Edge, files: LogFiles): Promise<Buffer> {
  const id = tileAt('entries', Math.floor(edge.size / tileWidth), edge.size)
  if (id === null) return Buffer.alloc(0)
  const entries = await bundleReader(files)(id)
  if (!Buffer.concat(entries.map(leafHash)).equals(edge.rows[0] ?? Buffer.alloc(0))) {
    throw new VerificationError('log-broken', `${files.name}: the last entries are not those of the tree`, {
      subject: files.name,
      remedy: 'An entry was changed: restore the log from a copy.',
    })
  }
  return encodeEntries(entries)
}

function hashesIn(row: Buffer): Buffer[] {
  return Array.from({ length: row.length / hashBytes }, (_, i) => row.subarray(i * hashBytes, (i + 1) * hashBytes))
}

function otherRoot(log: string, { size }: TreeHead): VerificationError {
  return new VerificationError('log-broken', `${log}: its tiles do not have the root that its checkpoint signs`, {
    subject: log,
    remedy: `A tile was changed, or the log of ${size} entries does not continue the one seen before. Restore it from a copy.`,
  })
}
