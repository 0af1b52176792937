import { VerificationError } from '../base/errors.ts'
import { hashBytes } from './merkle.ts'

/** Hashes in a full tile, and entries in a full bundle (C2SP tlog-tiles). */
export const tileWidth = 256
/** Levels of the tree in one tile. */
export const tileHeight = 8

/** Where a tile stands. A partial tile has fewer than 256 hashes; bundles of entries are counted like the tiles of level 0. */
export interface TileId {
  level: number | 'entries'
  index: number
  /** 1 to 256. */
  width: number
}

/** A tile with its content. */
export interface Tile {
  id: TileId
  bytes: Buffer
}

/** Path of a tile below the log's address (C2SP tlog-tiles, "Merkle Tree"): `tile/0/x001/x234/067.p/8`. */
export function tilePath({ level, index, width }: TileId): string {
  let rest = Math.floor(index / 1000)
  let path = digits(index % 1000)
  for (; rest > 0; rest = Math.floor(rest / 1000)) path = `x${digits(rest % 1000)}/${path}`
  return `tile/${level}/${path}${width === tileWidth ? '' : `.p/${width}`}`
}

function digits(n: number): string {
  return String(n).padStart(3, '0')
}

/**
 * The tile at a place in a tree of a given size.
 *
 * @returns null where that tree has none there
 */
export function tileAt(level: number | 'entries', index: number, size: number): TileId | null {
  const hashes = Math.floor(size / tileWidth ** (level === 'entries' ? 0 : level))
  const width = Math.min(tileWidth, hashes - index * tileWidth)
  return width > 0 ? { level, index, width } : null
}

/** All tiles of a level in a tree of a given size, left to right. */
export function* tilesOf(level: number | 'entries', size: number): Generator<TileId> {
  for (let index = 0; ; index++) {
    const id = tileAt(level, index, size)
    if (id === null) return
    yield id
  }
}

/** Levels of tiles that a tree of a given size has. */
export function levelsOf(size: number): number {
  let levels = 0
  for (let hashes = size; hashes > 0; hashes = Math.floor(hashes / tileWidth)) levels++
  return levels
}

/** Checks the length of a tile of hashes. @throws VerificationError `format-invalid` */
export function checkTile(bytes: Uint8Array, id: TileId, log: string): Buffer {
  const want = id.width * hashBytes
  if (bytes.length === want) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  throw new VerificationError(
    'format-invalid',
    `${log}: the tile ${tilePath(id)} should have ${want} bytes, but has ${bytes.length}`,
    { subject: tilePath(id), remedy: 'The log is damaged: restore it from a copy.' },
  )
}
