import { InputError } from '../base/errors.ts'

/** A complete subtree: it covers the 2^level leaves from index · 2^level on. */
export interface Subtree {
  level: number
  index: number
}

/** Leaves from `begin` up to, not including, `end`. */
export interface Range {
  begin: number
  end: number
}

/** More entries than any log here will have; sizes and indexes stay exact as numbers. */
export const mostEntries = 2 ** 40

/**
 * Complete subtrees that a range of a Merkle tree falls into, the largest first.
 *
 * @param range of a tree or of a proof: its begin is a multiple of the largest power of two that fits into it
 */
export function completeSubtrees({ begin, end }: Range): Subtree[] {
  const found: Subtree[] = []
  for (let at = begin; at < end;) {
    const level = Math.floor(Math.log2(end - at))
    const width = 2 ** level
    found.push({ level, index: at / width })
    at += width
  }
  return found
}

/**
 * Ranges whose roots make an inclusion proof, from the leaf upwards (RFC 6962 §2.1.1, PATH).
 *
 * @throws InputError `input-invalid` for an entry that the tree does not have
 */
export function inclusionRanges(index: number, size: number): Range[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new InputError('input-invalid', `a log of ${size} entries has no entry ${index}`, {
      subject: String(index),
      remedy: 'Entries are counted from 0.',
    })
  }
  const ranges: Range[] = []
  let [begin, end] = [0, size]
  while (end - begin > 1) {
    const middle = begin + split(end - begin)
    if (index < middle) {
      ranges.push({ begin: middle, end })
      end = middle
    } else {
      ranges.push({ begin, end: middle })
      begin = middle
    }
  }
  return ranges.reverse()
}

/**
 * Ranges whose roots prove that a tree is the beginning of a larger one (RFC 6962 §2.1.2, PROOF). None are needed from an empty tree or between
 * equal sizes.
 *
 * @throws InputError `input-invalid` where the old size is larger
 */
export function consistencyRanges(oldSize: number, size: number): Range[] {
  if (!Number.isSafeInteger(oldSize) || oldSize < 0 || oldSize > size) {
    throw new InputError('input-invalid', `a log of ${size} entries never had ${oldSize} entries`, {
      subject: String(oldSize),
      remedy: 'Give a size between 0 and the size of the log.',
    })
  }
  if (oldSize === 0 || oldSize === size) return []
  const ranges: Range[] = []
  let [begin, end] = [0, size]
  // While only left turns were taken, the reader knows the old root itself.
  while (end !== oldSize) {
    const middle = begin + split(end - begin)
    if (oldSize <= middle) {
      ranges.push({ begin: middle, end })
      end = middle
    } else {
      ranges.push({ begin, end: middle })
      begin = middle
    }
  }
  if (begin !== 0) ranges.push({ begin, end })
  return ranges.reverse()
}

/** The largest power of two below a number of at least 2. */
function split(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1))
}
