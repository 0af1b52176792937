import type { Digest } from '../../oci/types.ts'
import type { Subject } from '../candidate.ts'
import type { Policy } from '../policy/load.ts'
import { trustOf } from '../policy/status.ts'
import { effectiveStatus, type EffectiveStatus } from './effective.ts'
import { readNotices, type ReadNotices } from './read.ts'

/** What is said of one manifest: the image that is judged, an index on the way to it, or the plain image that it was made of. */
export interface JudgedStatus {
  readonly target: Digest
  readonly isPlain: boolean
  readonly read: ReadNotices<'status'>
  readonly effective: EffectiveStatus
}

/**
 * The status of an image and of every index that was named on the way to it: who revokes an index revokes what is in it. A publisher knows no encrypted
 * form that others made: who revokes a plain image revokes each of them.
 *
 * @param plain of which the image is the encrypted form
 * @returns empty where the policy names nobody whose word counts
 * @throws TransportError when the store does not answer
 */
export async function judgeStatus(
  { store, descriptor, via }: Pick<Subject, 'store' | 'descriptor' | 'via'>,
  policy: Policy,
  at: Date,
  plain: readonly Digest[],
): Promise<JudgedStatus[]> {
  const { status } = policy
  if (status === null) return []
  const trust = trustOf(status, policy)
  const own = new Set([descriptor.digest, ...via])
  const targets = [...new Set([...own, ...plain])]
  return Promise.all(
    targets.map(async (target) => {
      const read = await readNotices('status', store, target, trust, at)
      return { target, isPlain: !own.has(target), read, effective: effectiveStatus(read.counted, at) }
    }),
  )
}
