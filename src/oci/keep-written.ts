import { TransportError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { quiet } from './quiet-time.ts'
import type { Store } from './types.ts'

/** How often what was written is looked for before the run gives up. */
const looks = 12

/** What one writer has written. */
export interface Written {
  /** Looks for all of it, and writes again what another writer's listing or tag has lost. @returns whether everything was there */
  confirm(): Promise<boolean>
  /** What it is, for the message of a run that gives up. */
  readonly names?: readonly string[] | undefined
}

/**
 * Waits until what was written stays written: what `written` looks after, then the store's listings of referrers. Few registries know conditional
 * writes: somebody who had read a tag before our write replaces it by one without our entries, after we saw them there. So each writer looks once
 * more after a pause that is longer than another's way from reading to writing, and whoever finds a loss writes again. A layout is written
 * under a lock and needs none of this.
 *
 * @throws TransportError `registry-error` naming what is lost again and again: a second run adds it
 */
export async function keepWritten(
  store: Store,
  written: readonly Written[],
  { clock, random }: Pick<Ports, 'clock' | 'random'>,
): Promise<void> {
  if (store.kind === 'layout') return
  let open = written
  for (let look = 0; open.length > 0; look++) {
    if (look === looks) {
      const names = open.flatMap((one) => one.names ?? [])
      throw new TransportError(
        'registry-error',
        `${store.name} keeps losing signatures: other writers replace the same tags at the same time${names.length === 0 ? '' : `. Lost: ${names.join(', ')}`}`,
        { subject: store.name, remedy: 'Run it again, with one job at a time signing an image.' },
      )
    }
    // Unequal pauses keep two writers from meeting again.
    const chance = 1 + (look === 0 ? 0 : (random(1)[0] ?? 0) / 255)
    await clock.sleep((store.quietMs?.() ?? quiet.leastMs) * chance)
    const lost: Written[] = []
    for (const one of open) if (!(await one.confirm())) lost.push(one)
    open = lost
  }
  await store.settle?.()
}
