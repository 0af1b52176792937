import { VerificationError } from '../base/errors.ts'
import { emptyRoot, nodeHash } from './hash.ts'

/** Size and root of a tree. */
export interface TreeHead {
  size: number
  root: Buffer
}

/**
 * Checks that a leaf stands at an index of a tree (RFC 9162 §2.1.3.2).
 *
 * @param leaf hash of the entry
 * @throws VerificationError `log-broken`
 */
export function verifyInclusion(
  leaf: Buffer,
  index: number,
  { size, root }: TreeHead,
  proof: readonly Buffer[],
  log: string,
): void {
  const refuse = (why: string): VerificationError => broken(log, `the inclusion proof of entry ${index} ${why}`)
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) throw refuse(`is for a tree of only ${size} entries`)
  let [at, last] = [index, size - 1]
  let hash = leaf
  for (const other of proof) {
    if (last === 0) throw refuse('is too long')
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(other, hash)
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)]
    } else {
      hash = nodeHash(hash, other)
    }
    ;[at, last] = [half(at), half(last)]
  }
  if (last !== 0) throw refuse('is too short')
  if (!hash.equals(root)) throw refuse('does not lead to the root of the checkpoint')
}

/**
 * Checks that a tree is the beginning of a larger or equal one (RFC 9162 §2.1.4.2).
 *
 * @throws VerificationError `log-broken` where histories differ, `rolled-back` where the new tree is smaller
 */
export function verifyConsistency(before: TreeHead, after: TreeHead, proof: readonly Buffer[], log: string): void {
  const refuse = (why: string): VerificationError =>
    broken(log, `${why}: the log of ${after.size} entries does not continue the log of ${before.size} entries`)
  if (after.size < before.size) {
    throw new VerificationError(
      'rolled-back',
      `${log} has ${after.size} entries, but had ${before.size} entries before`,
      { subject: log, remedy: 'Ask the operator of the log for its full copy. Do not accept the smaller one.' },
    )
  }
  if (before.size === 0 || before.size === after.size) {
    if (before.size === 0 && !before.root.equals(emptyRoot())) throw refuse('the root of no entries is wrong')
    if (proof.length > 0) throw refuse('a consistency proof has hashes where none are needed')
    if (before.size !== 0 && !before.root.equals(after.root)) throw refuse('the roots differ')
    return
  }
  let [first, ...rest] = proof
  // The old tree is a complete subtree of the new one: its root is the first hash.
  if (Number.isInteger(Math.log2(before.size))) [first, rest] = [before.root, [...proof]]
  if (first === undefined) throw refuse('the consistency proof is empty')
  let [at, last] = [before.size - 1, after.size - 1]
  while (at % 2 === 1) [at, last] = [half(at), half(last)]
  let [old, now] = [first, first]
  for (const other of rest) {
    if (last === 0) throw refuse('the consistency proof is too long')
    if (at % 2 === 1 || at === last) {
      old = nodeHash(other, old)
      now = nodeHash(other, now)
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)]
    } else {
      now = nodeHash(now, other)
    }
    ;[at, last] = [half(at), half(last)]
  }
  if (last !== 0) throw refuse('the consistency proof is too short')
  if (!old.equals(before.root)) throw refuse('the consistency proof does not contain the old root')
  if (!now.equals(after.root)) throw refuse('the consistency proof does not lead to the new root')
}

function half(n: number): number {
  return Math.floor(n / 2)
}

function broken(log: string, why: string): VerificationError {
  return new VerificationError('log-broken', `${log}: ${why}`, {
    subject: log,
    remedy: 'Keep both checkpoints as evidence, and ask the operator of the log.',
  })
}
