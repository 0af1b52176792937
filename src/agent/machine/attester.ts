import { createHash } from 'node:crypto'
import { jcs } from '../../encoding/jcs.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import type { Technology } from '../../base/technology.ts'
import type { Attester } from '../../kbs/rcar.ts'
import type { TeeChoice } from '../../tee/choice.ts'
import { chooseCollector } from '../../tee/collect/index.ts'
import { makeKeys } from '../keys.ts'

/**
 * Attests the machine itself, before any job: fresh keys in memory, no job, no journal. It extends no register and is not counted, so that the
 * first job still finds an unused boot.
 *
 * @throws VerificationError `technology-refused` naming what is missing
 */
export async function machineAttester(
  technology: Technology | 'auto',
  choice: Partial<TeeChoice>,
  ports: Ports,
): Promise<Attester> {
  const collector = await chooseCollector(technology, ports, choice)
  const keys = makeKeys()
  return {
    technology: collector.technology,
    evidence: async (nonce) => {
      const bound = jcs({ 'additional-evidence': '', nonce, 'tee-pubkey': keys.teePubkey })
      const { evidence } = await collector.collect(createHash('sha384').update(bound).digest(), ports)
      return { evidence, teePubkey: keys.teePubkey as unknown as JsonObject }
    },
    decryptJwe: keys.decrypt,
  }
}
