import { VerificationError } from '../base/errors.ts'
import { inOrder } from '../base/in-order.ts'
import { appendLeaves, edgeRoot, emptyEdge } from './edge.ts'
import type { LogFiles } from './files.ts'
import { hashBytes, leafHash } from './merkle.ts'
import { bundleReader, tileReader } from './open-log.ts'
import type { TreeHead } from './proof.ts'
import { levelsOf, tilePath, tilesOf, tileWidth, type Tile, type TileId } from './tiles.ts'

/** Files that are read at a time. */
const parallel = 8

/**
 * Verifies a whole log: the tree is built anew from its entries, its root must be the one of the checkpoint, and every tile must be as built.
 *
 * @param onEntry gets each entry in order, before the whole was verified
 * @throws VerificationError `log-broken` that names the first tile or bundle which differs, `missing-blob`, `format-invalid`; what `onEntry` throws
 */
export async function verifyLog(
  files: LogFiles,
  head: TreeHead,
  onEntry: (body: Buffer, index: number) => void = () => {},
): Promise<void> {
  const bundles = bundleReader(files)
  const read = tileReader(files)
  const checkStored = async ({ id, bytes }: Tile): Promise<void> => {
    if (!(await read(id)).equals(bytes)) throw differs(files.name, tilePath(id))
  }
  let edge = emptyEdge
  const readBundle = async (id: TileId): Promise<{ id: TileId; entries: Buffer[] }> => ({
    id,
    entries: await bundles(id),
  })
  for await (const { id, entries } of inOrder(tilesOf('entries', head.size), parallel, readBundle)) {
    const leaves = entries.map(leafHash)
    const stored = await read({ ...id, level: 0 })
    // Compared here, so that the message can name the entry.
    const wrong = leaves.findIndex((leaf, i) => !stored.subarray(i * hashBytes, (i + 1) * hashBytes).equals(leaf))
    if (wrong >= 0) throw differs(files.name, `entry ${edge.size + wrong}`)
    for (const [i, entry] of entries.entries()) onEntry(entry, edge.size + i)
    const { edge: next, tiles } = appendLeaves(edge, leaves)
    // Partial tiles on the way are those of smaller logs.
    for (const tile of tiles) if (tile.id.level !== 0 && tile.id.width === tileWidth) await checkStored(tile)
    edge = next
  }
  if (!edgeRoot(edge).equals(head.root)) throw differs(files.name, 'the root')
  for (let level = 1; level < levelsOf(head.size); level++) {
    const row = edge.rows[level]
    if (row === undefined || row.length === 0) continue
    const index = Math.floor(head.size / tileWidth ** (level + 1))
    await checkStored({ id: { level, index, width: row.length / hashBytes }, bytes: row })
  }
}

function differs(log: string, what: string): VerificationError {
  return new VerificationError('log-broken', `${log}: ${what} is not what its checkpoint signs`, {
    subject: what,
    remedy: 'The log was changed: restore it from a copy, and find out who could write to it.',
  })
}
