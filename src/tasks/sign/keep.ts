import type { Ports } from '../../base/ports.ts'
import { keepWritten as keep, type Written } from '../../oci/keep-written.ts'
import type { Store } from '../../oci/types.ts'
import type { StatementWriter } from './writer.ts'

/** Waits until what these writers added stays there. @param tookMs what writing took @param others written beside @throws TransportError `registry-error` */
export async function keepWritten(
  store: Store,
  writers: readonly StatementWriter[],
  tookMs: number,
  ports: Pick<Ports, 'clock' | 'random'>,
  others: readonly Written[] = [],
): Promise<void> {
  const added = writers.filter(({ receipts }) => receipts.some(({ state }) => state === 'added'))
  await keep(store, [...others, ...added], tookMs, ports)
}
