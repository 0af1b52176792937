import type { Ports } from '../../base/ports.ts'
import type { Digest } from '../../oci/types.ts'
import { effectiveStatus, type EffectiveStatus } from '../../verify/status/effective.ts'
import { readNotices, type NoticeTrust, type ReadNotices } from '../../verify/status/read.ts'
import { namedTargets } from './targets.ts'

/** What is said of one manifest. */
export interface ShownStatus {
  subject: Digest
  read: ReadNotices<'status'>
  effective: EffectiveStatus
}

/**
 * Reads what is said of an image and of each manifest in it. What nobody who counts signed is listed apart, and decides nothing.
 *
 * @throws InputError `not-found`; TransportError
 */
export async function showStatus(
  image: string,
  trust: NoticeTrust,
  at: Date,
  only: boolean,
  ports: Ports,
): Promise<ShownStatus[]> {
  const { store, targets } = await namedTargets(image, only, ports)
  return Promise.all(
    targets.map(async ({ digest }) => {
      const read = await readNotices('status', store, digest, trust, at)
      return { subject: digest, read, effective: effectiveStatus(read.counted, at) }
    }),
  )
}
