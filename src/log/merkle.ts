import { createHash } from 'node:crypto'

/** Bytes of a SHA-256 hash, the only one that logs of RFC 6962 use. */
export const hashBytes = 32

/** Hash of a log entry (RFC 9162 §2.1.1): the prefix keeps an entry from being taken for a node. */
export function leafHash(entry: Uint8Array): Buffer {
  return createHash('sha256').update(leafPrefix).update(entry).digest()
}

/** Hash of a node over its two children (RFC 9162 §2.1.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(nodePrefix).update(left).update(right).digest()
}

const leafPrefix = Buffer.from([0])
const nodePrefix = Buffer.from([1])

/**
 * Root hash that an inclusion proof leads to (RFC 9162 §2.1.3.2), or null when the proof cannot belong to this index and size.
 *
 * @param leaf hash of the entry, see {@link leafHash}
 * @param index of the entry, from 0
 * @param size number of entries of the tree
 * @param proof sibling hashes from the leaf upward
 */
export function rootOfInclusion(
  leaf: Uint8Array,
  index: bigint,
  size: bigint,
  proof: readonly Uint8Array[],
): Buffer | null {
  if (index < 0n || index >= size || !areHashes([leaf, ...proof])) return null
  const sides = climb(index, size - 1n, proof.length)
  if (sides === null) return null
  const start: Buffer = Buffer.from(leaf)
  return sides.reduce((root, side, i) => joined(side, root, proof[i] ?? root), start)
}

/** Whether a proof shows that the entry stands at the index of the tree with this root. */
export function isIncluded(
  leaf: Uint8Array,
  index: bigint,
  size: bigint,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  return rootOfInclusion(leaf, index, size, proof)?.equals(root) === true
}

/** One state of a log: number of entries and root hash. */
export interface TreeHead {
  size: bigint
  root: Uint8Array
}

/**
 * Whether a proof shows that the newer tree only appended to the older one (RFC 9162 §2.1.4.2). Trees of one size need equal roots and an empty
 * proof; every tree appends to the empty one, whose root is the hash of nothing.
 */
export function isConsistent(older: TreeHead, newer: TreeHead, proof: readonly Uint8Array[]): boolean {
  if (older.size < 0n || older.size > newer.size || !areHashes([older.root, newer.root, ...proof])) return false
  if (older.size === newer.size) return proof.length === 0 && sameBytes(older.root, newer.root)
  if (older.size === 0n) return proof.length === 0 && sameBytes(older.root, emptyRoot)
  return rootOfConsistency(older, newer.size, proof)?.equals(newer.root) === true
}

/**
 * Root hash of the newer tree that a consistency proof leads to (RFC 9162 §2.1.4.2), or null when the proof does not start at the older tree.
 *
 * @param older a tree with at least one entry
 * @param size number of entries of the newer tree, more than the older one has
 * @param proof hashes in the order of the RFC
 */
export function rootOfConsistency(older: TreeHead, size: bigint, proof: readonly Uint8Array[]): Buffer | null {
  if (older.size <= 0n || older.size >= size || !areHashes([older.root, ...proof])) return null
  let node = older.size - 1n
  let last = size - 1n
  while ((node & 1n) === 1n) {
    node >>= 1n
    last >>= 1n
  }
  // A complete older tree is itself the first node of the path, and is not repeated in the proof.
  const path = node === 0n ? [older.root, ...proof] : [...proof]
  const first = path.shift()
  if (first === undefined) return null
  const sides = climb(node, last, path.length)
  if (sides === null) return null
  let olderRoot: Buffer = Buffer.from(first)
  let newerRoot: Buffer = Buffer.from(first)
  for (const [i, side] of sides.entries()) {
    const sibling = path[i] ?? first
    // What stands on the right came with the newer tree.
    if (side === 'left') olderRoot = nodeHash(sibling, olderRoot)
    newerRoot = joined(side, newerRoot, sibling)
  }
  return olderRoot.equals(older.root) ? newerRoot : null
}

/**
 * On which side of the path each sibling of a proof stands, from a node up to the root (RFC 9162 §2.1.3.2, §2.1.4.2); null when a proof of this length does
 * not end exactly there.
 *
 * @param node index of the node on its level
 * @param last index of the last node on that level
 */
function climb(node: bigint, last: bigint, length: number): ('left' | 'right')[] | null {
  const sides: ('left' | 'right')[] = []
  let [here, edge] = [node, last]
  for (let i = 0; i < length; i++) {
    if (edge === 0n) return null
    const isLeft = (here & 1n) === 1n || here === edge
    sides.push(isLeft ? 'left' : 'right')
    // A node at the right edge has no sibling on the levels where it is a left child: these levels are skipped.
    while (isLeft && (here & 1n) === 0n && here !== 0n) {
      here >>= 1n
      edge >>= 1n
    }
    here >>= 1n
    edge >>= 1n
  }
  return edge === 0n ? sides : null
}

function joined(side: 'left' | 'right', node: Uint8Array, sibling: Uint8Array): Buffer {
  return side === 'left' ? nodeHash(sibling, node) : nodeHash(node, sibling)
}

/** Root of a tree without entries (RFC 9162 §2.1.1). */
export const emptyRoot: Buffer = createHash('sha256').digest()

function areHashes(values: readonly Uint8Array[]): boolean {
  return values.every((value) => value.length === hashBytes)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
