import type { Digest } from '../../oci/types.ts'
import type { Subject } from '../candidate.ts'
import type { Policy } from '../policy/load.ts'
import { trustOf } from '../policy/status.ts'
import { effectiveStatus, type EffectiveStatus } from './effective.ts'
import { readNotices, type ReadNotices } from './read.ts'

/** What is said of one manifest: the image that is judged, or an index on the way to it. */
export interface JudgedStatus {
  readonly target: Digest
  readonly read: ReadNotices<'status'>
  readonly effective: EffectiveStatus
}

/**
 * The status of an image and of every index that was named on the way to it: who revokes an index revokes what is in it.
 *
 * @returns empty where the policy names nobody whose word counts
 * @throws TransportError when the store does not answer
 */
export async function judgeStatus(
  { store, descriptor, via }: Pick<Subject, 'store' | 'descriptor' | 'via'>,
  policy: Policy,
  at: Date,
): Promise<JudgedStatus[]> {
  const { status } = policy
  if (status === null) return []
  const trust = trustOf(status, policy)
  const targets = [...new Set([descriptor.digest, ...via])]
  return Promise.all(
    targets.map(async (target) => {
      const read = await readNotices('status', store, target, trust, at)
      return { target, read, effective: effectiveStatus(read.counted, at) }
    }),
  )
}
