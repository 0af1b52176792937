import type { Digest } from '../../oci/types.ts'
import { indexOf } from '../../journal/subject-roles.ts'
import type { Subject } from '../candidate.ts'
import type { ForeignImage } from '../foreign.ts'
import type { Policy } from '../policy/load.ts'
import { trustOf } from '../policy/status.ts'
import { effectiveStatus, type EffectiveStatus } from './effective.ts'
import { readNotices, type ReadNotices } from './read.ts'

/** What is said of one manifest: the image that is judged, an index on the way to it, or a plain image that it was made of. */
export interface JudgedStatus {
  readonly target: Digest
  /**
   * As which form of the image the policy can require a status of it: of `plain` for an image that others built. Null for a plain form that its own
   * publisher need not speak of, and for an index by which another job reached the image.
   */
  readonly required: 'published' | 'plain' | null
  readonly read: ReadNotices<'status'>
  readonly effective: EffectiveStatus
}

/**
 * The status of an image and of every index that was named on the way to it: who revokes an index revokes what is in it. A publisher knows no encrypted
 * form that others made: who revokes a plain image revokes each of them.
 *
 * @param plain of which the image is the encrypted form
 * @param foreign an image that others built, as a job admitted it: its publisher speaks of the plain form, and of the index that holds it
 * @returns empty where the policy names nobody whose word counts
 * @throws TransportError when the store does not answer
 */
export async function judgeStatus(
  { store, descriptor, via }: Pick<Subject, 'store' | 'descriptor' | 'via'>,
  policy: Policy,
  at: Date,
  plain: readonly Digest[],
  foreign?: Pick<ForeignImage, 'plain' | 'admission'>,
): Promise<JudgedStatus[]> {
  const { status } = policy
  if (status === null) return []
  const trust = trustOf(status, policy)
  const published = [descriptor.digest, ...via]
  const origin = foreign === undefined ? [] : [foreign.plain]
  const index = foreign?.admission ? indexOf(foreign.admission, foreign.plain) : null
  const isOptional = status.encryptedOptional && foreign !== undefined && foreign.plain !== descriptor.digest
  const formOf = (target: Digest): JudgedStatus['required'] => {
    if (published.includes(target) && !isOptional) return 'published'
    return origin.includes(target) ? 'plain' : null
  }
  return Promise.all(
    [...new Set([...published, ...origin, ...plain, ...(index === null ? [] : [index])])].map(async (target) => {
      const read = await readNotices('status', store, target, trust, at)
      return { target, required: formOf(target), read, effective: effectiveStatus(read.counted, at) }
    }),
  )
}
