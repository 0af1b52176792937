import { hashBytes } from './merkle.ts'
import { completeRoot, foldRoots } from './subtree.ts'
import { completeSubtrees, consistencyRanges, inclusionRanges, type Range, type Subtree } from './tree.ts'
import { tileAt, tileHeight, tilePath, tileWidth, type TileId } from './tiles.ts'
import { InternalError } from '../base/errors.ts'

/** Gives the checked bytes of a tile, as long as its width says. */
export type TileReader = (id: TileId) => Promise<Buffer>

/** Roots of ranges of a tree of a given size. Each tile is asked for once, and only those that are needed. */
export async function rangeRoots(ranges: readonly Range[], size: number, read: TileReader): Promise<Buffer[]> {
  const tiles = new Map<string, Promise<Buffer>>()
  const subtreeRoot = async (subtree: Subtree): Promise<Buffer> => {
    const { id, from, to } = placeOf(subtree, size)
    const path = tilePath(id)
    let bytes = tiles.get(path)
    if (bytes === undefined) tiles.set(path, (bytes = read(id)))
    return completeRoot((await bytes).subarray(from, to))
  }
  return Promise.all(
    ranges.map(async (range) => foldRoots(await Promise.all(completeSubtrees(range).map(subtreeRoot)))),
  )
}

/** Hashes of an inclusion proof, from the leaf upwards: at most one a level of the tree. @throws InputError `input-invalid` */
export async function inclusionProof(index: number, size: number, read: TileReader): Promise<Buffer[]> {
  return rangeRoots(inclusionRanges(index, size), size, read)
}

/** Hashes of a proof that the tree of `oldSize` entries is the beginning of this one. @throws InputError `input-invalid` */
export async function consistencyProof(oldSize: number, size: number, read: TileReader): Promise<Buffer[]> {
  return rangeRoots(consistencyRanges(oldSize, size), size, read)
}

/** Root of the tree by its tiles: only those of the right edge are read. */
export async function rootOf(size: number, read: TileReader): Promise<Buffer> {
  const [root] = await rangeRoots([{ begin: 0, end: size }], size, read)
  if (root === undefined) throw new InternalError('a range without a root')
  return root
}

/** The tile that holds the hashes from which a subtree's root is computed, and where in it they stand, in bytes. */
function placeOf({ level, index }: Subtree, size: number): { id: TileId; from: number; to: number } {
  const tileLevel = Math.floor(level / tileHeight)
  const width = 2 ** (level % tileHeight)
  const first = index * width
  const id = tileAt(tileLevel, Math.floor(first / tileWidth), size)
  if (id === null) throw new InternalError(`a tree of ${size} entries has no subtree ${index} at level ${level}`)
  const from = (first % tileWidth) * hashBytes
  return { id, from, to: from + width * hashBytes }
}
