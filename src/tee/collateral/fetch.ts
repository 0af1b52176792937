import { TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { SnpTrust } from '../verify/snp/trust.ts'
import { amdPlans } from './amd.ts'
import { intelPlan, type IntelAddresses } from './intel.ts'
import { store, stored, type DocumentPlan, type Entry } from './store.ts'
import type { Wish } from './wishes.ts'

export interface FetchOptions {
  directory: string
  kds: string
  intel: IntelAddresses
  /** Ask also for what is good for a while yet. */
  refresh: boolean
  /** Roots in place of the makers' own, for tests. */
  trust?: { snp?: SnpTrust | undefined; intelRoots?: readonly string[] | undefined } | undefined
}

/**
 * Brings the collateral for some machines into a folder. What lies there and is inside its window is not asked for again. Where a newer one
 * cannot be had, one past its end stays and is called `stale`: whether that is good enough is for the verification to say.
 *
 * @throws TransportError when something is neither there nor to be had; InputError `not-found`, `file-invalid`
 */
export async function fetchCollateral(wishes: readonly Wish[], options: FetchOptions, ports: Ports): Promise<Entry[]> {
  const plans = wishes.flatMap((wish) =>
    wish.maker === 'amd'
      ? amdPlans(wish, options.kds, ports, options.trust?.snp)
      : [intelPlan(wish, options.intel, ports, options.trust?.intelRoots)],
  )
  if (wishes.some((wish) => wish.maker === 'amd' && wish.endorser === 'vlek')) {
    ports.log.info(
      'A VLEK cannot be downloaded: AMD gives it to the cloud provider alone, whose hosts hand it to the guest with the report (auxblob).',
    )
  }
  const entries: Entry[] = []
  // One after the other: both services throttle.
  for (const plan of plans) entries.push(await bring(plan, options, ports))
  return entries
}

async function bring(plan: DocumentPlan, { directory, refresh }: FetchOptions, ports: Ports): Promise<Entry> {
  const { path, what } = plan
  const old = await stored(directory, plan)
  const good = old !== null && old.ends > ports.clock.now()
  if (old !== null && good && !refresh) return { path, what, state: 'cached', ends: old.ends }
  try {
    const bytes = await plan.fetch()
    const ends = plan.read(bytes)
    await store(directory, path, bytes)
    return { path, what, state: 'fetched', ends }
  } catch (error) {
    if (!(error instanceof TransportError) || old === null) throw error
    ports.log.warn(`${what}: ${error.message}; the one in ${directory} stays${good ? '' : ', which is past its end'}`)
    return { path, what, state: good ? 'cached' : 'stale', ends: old.ends }
  }
}
