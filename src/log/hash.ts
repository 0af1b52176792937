import { hash } from 'node:crypto'

/** Bytes of a node's hash. */
export const hashBytes = 32

const leafPrefix = Buffer.of(0)
const nodePrefix = Buffer.of(1)

/** Hash of a leaf: SHA-256 over 0x00 and the entry (RFC 6962 §2.1). */
export function leafHash(entry: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([leafPrefix, entry]), 'buffer')
}

/** Hash of an inner node: SHA-256 over 0x01 and its two children (RFC 6962 §2.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([nodePrefix, left, right]), 'buffer')
}

/** Root of a tree without entries: SHA-256 of nothing (RFC 6962 §2.1). */
export function emptyRoot(): Buffer {
  return hash('sha256', '', 'buffer')
}

/**
 * Root of a complete subtree.
 *
 * @param row hashes of its lowest level, 32 bytes each, one behind the other; their number is a power of two
 */
export function completeRoot(row: Uint8Array): Buffer {
  let level = Buffer.from(row)
  while (level.length > hashBytes) {
    const next = Buffer.alloc(level.length / 2)
    for (let at = 0; at < level.length; at += 2 * hashBytes)
      nodeHash(level.subarray(at, at + hashBytes), level.subarray(at + hashBytes, at + 2 * hashBytes)).copy(
        next,
        at / 2,
      )
    level = next
  }
  return level
}

/** Root of a range from the roots of its complete subtrees, left to right: each smaller one hangs to the right of a larger one. */
export function foldRoots(roots: readonly Buffer[]): Buffer {
  return (
    roots.reduceRight<Buffer | null>((right, left) => (right === null ? left : nodeHash(left, right)), null) ??
    emptyRoot()
  )
}
