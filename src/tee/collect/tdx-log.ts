import { parseEventLog } from '../eventlog/parse.ts'
import { specificationEvent } from '../eventlog/write.ts'

/**
 * What a stock Trustee replays: the firmware's log and behind it the agent's records of RTMR3, which have the same form (coco.md §7.3).
 *
 * @param ccel without its padding, or null where the firmware left none: then a header stands before the records
 * @returns null when there is nothing to replay
 * @throws VerificationError `format-invalid` when the two do not make one log: a firmware log with other digests than SHA-384
 */
export function wholeLog(ccel: Buffer | null, runtime: Buffer | undefined): Buffer | null {
  const records = runtime ?? Buffer.alloc(0)
  if (records.length === 0) return ccel
  const log = Buffer.concat([ccel ?? specificationEvent(['sha384']), records])
  parseEventLog(log, 'ccel', 'CCEL with the agent’s records')
  return log
}
