import type { Ports } from '../../base/ports.ts'
import type { Technology } from '../../base/technology.ts'
import { keyedAttester } from '../../kbs/keyed-attester.ts'
import type { Attester } from '../../kbs/rcar.ts'
import { makeTeeKey, type TeeKeyKind } from '../../kbs/tee-key.ts'
import type { TeeChoice } from '../../tee/choice.ts'
import { chooseCollector } from '../../tee/collect/index.ts'

/**
 * Attests the machine itself, before any job: a fresh key in memory, no job, no journal. It extends no register and is not counted, so that the
 * first job still finds an unused boot.
 *
 * @param kind the key that resources are encrypted for
 * @throws VerificationError `technology-refused` naming what is missing
 */
export async function machineAttester(
  technology: Technology | 'auto',
  choice: Partial<TeeChoice>,
  ports: Ports,
  kind?: TeeKeyKind,
): Promise<Attester> {
  const collector = await chooseCollector(technology, ports, choice)
  return keyedAttester({
    technology: collector.technology,
    key: makeTeeKey(kind),
    collect: async (reportData) => (await collector.collect(reportData, ports)).evidence,
  })
}
