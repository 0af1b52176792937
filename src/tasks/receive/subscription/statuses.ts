import { errorRecord, exitCodes, toSealwrightError, type ErrorRecord } from '../../../base/errors.ts'
import type { Ports } from '../../../base/ports.ts'
import { isAttachedTag } from '../../../oci/digest.ts'
import { openStore } from '../../../oci/open.ts'
import { carryStatuses, type Carried, type CarryRequest } from '../../status/carry.ts'
import { loadGatePolicy } from '../../verify/gate-policy.ts'
import type { SubscriptionEntry } from './file.ts'
import { absent } from './run.ts'
import { matchRepositories, parsePlace, type FoundPlace } from './sources.ts'

/** What became of the statuses of one repository. */
export interface CarriedPlace {
  readonly from: string
  readonly to: string
  /** Null where it failed, or where the target has no image yet. */
  readonly carried: Carried | null
  readonly error: ErrorRecord | null
  /** Exit code of an error; that of what was carried is told by `carried`. */
  readonly exitCode: number
}

/** Statuses of one place, or of all images that the entries of a subscription brought. */
export type StatusesAsked = CarryRequest | { readonly entries: readonly SubscriptionEntry[]; readonly dryRun: boolean }

/**
 * Carries statuses: of one place, or of every repository of a subscription to the images that are at its target. Of a subscription one failure does not
 * stop the others; `tags` of an entry chooses nothing, since an image that was promoted once is used whatever the entry says now.
 *
 * @throws as {@link carryStatuses}, for one place
 */
export async function carryAsked(asked: StatusesAsked, ports: Ports): Promise<CarriedPlace[]> {
  if (!('entries' in asked)) {
    const { from, to } = asked
    return [{ from, to, carried: await carryStatuses(asked, ports), error: null, exitCode: exitCodes.ok }]
  }
  const done: CarriedPlace[] = []
  const seen = new Set<string>()
  for (const entry of asked.entries) {
    const attempt = async <T>(
      { from, to }: { from: string; to: string },
      work: () => Promise<T>,
    ): Promise<T | null> => {
      try {
        return await work()
      } catch (thrown) {
        const error = errorRecord(thrown)
        ports.log.warn(`${from}: ${error.message}`)
        done.push({ from, to, carried: null, error, exitCode: toSealwrightError(thrown).exitCode })
        return null
      }
    }
    const opened = await attempt(entry, async () => ({
      places: matchRepositories(entry),
      gate: await loadGatePolicy(entry.policy, entry.policyDigest),
    }))
    if (opened === null) continue
    const { places, gate } = opened
    for (const place of places) {
      const { from, to } = place
      const name = JSON.stringify([from, to, gate.policy.digest])
      if (seen.has(name)) continue
      seen.add(name)
      const carried = await attempt(place, async () => ({
        carried: (await hasImages(place, ports))
          ? await carryStatuses({ from, to, policy: gate.policy, dryRun: asked.dryRun }, ports)
          : null,
      }))
      if (carried !== null) done.push({ from, to, ...carried, error: null, exitCode: exitCodes.ok })
    }
  }
  return done
}

/** An entry whose images were not promoted yet has no copy that could be used. */
async function hasImages(place: FoundPlace, ports: Ports): Promise<boolean> {
  const { target } = parsePlace(place, ports)
  const tags = await openStore(target, ports).tags().catch(absent)
  return tags !== null && !tags.every(isAttachedTag)
}
