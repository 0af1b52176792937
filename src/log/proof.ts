import { VerificationError } from '../base/errors.ts'
import { isConsistent, isIncluded } from './merkle.ts'

/** Size and root of a tree. */
export interface TreeHead {
  size: number
  root: Buffer
}

/**
 * Checks that a leaf stands at an index of a tree.
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
  if (Number.isSafeInteger(index) && isIncluded(leaf, BigInt(index), BigInt(size), proof, root)) return
  throw new VerificationError(
    'log-broken',
    `${log}: the inclusion proof of entry ${index} does not lead to the root of the checkpoint`,
    { subject: log, remedy: 'Ask the log for the proof again: sealwright log prove.' },
  )
}

/**
 * Checks that a tree is the beginning of a larger or equal one.
 *
 * @throws VerificationError `log-broken` where histories differ, `rolled-back` where the new tree is smaller
 */
export function verifyConsistency(before: TreeHead, after: TreeHead, proof: readonly Buffer[], log: string): void {
  if (after.size < before.size) {
    throw new VerificationError(
      'rolled-back',
      `${log} has ${after.size} entries, but had ${before.size} entries before`,
      { subject: log, remedy: 'Ask the operator of the log for its full copy. Do not accept the smaller one.' },
    )
  }
  const [older, newer] = [before, after].map(({ size, root }) => ({ size: BigInt(size), root }))
  if (older !== undefined && newer !== undefined && isConsistent(older, newer, proof)) return
  throw new VerificationError(
    'log-broken',
    `${log}: the log of ${after.size} entries does not continue the log of ${before.size} entries`,
    { subject: log, remedy: 'Keep both checkpoints as evidence, and ask the operator of the log.' },
  )
}
