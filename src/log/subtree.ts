import { emptyRoot, hashBytes, nodeHash } from './merkle.ts'

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
    emptyRoot
  )
}
