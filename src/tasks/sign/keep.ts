import type { Ports } from '../../base/ports.ts'
import { keepWritten as keep } from '../../oci/keep-written.ts'
import type { Store } from '../../oci/types.ts'
import type { StatementWriter } from './writer.ts'

/** Waits until what these writers added stays there. @throws TransportError `registry-error` */
export async function keepWritten(
  store: Store,
  writers: readonly StatementWriter[],
  ports: Pick<Ports, 'clock' | 'random'>,
): Promise<void> {
  const added = writers.filter(({ receipts }) => receipts.some(({ state }) => state === 'added'))
  await keep(store, added, ports)
}
