import { parseEventLog } from '../eventlog/parse.ts'

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
  const log = Buffer.concat([ccel ?? specificationEvent(), records])
  parseEventLog(log, 'ccel', 'CCEL with the agent’s records')
  return log
}

/** Specification event (PC Client profile §10.4.5.1) of a log with SHA-384 digests alone. */
function specificationEvent(): Buffer {
  const data = Buffer.alloc(33)
  data.write('Spec ID Event03\0', 0, 'latin1')
  // Version 2.0, and words of 64 bits.
  data.writeUInt8(2, 21)
  data.writeUInt8(2, 23)
  data.writeUInt32LE(1, 24)
  data.writeUInt16LE(0x0c, 28)
  data.writeUInt16LE(48, 30)
  const head = Buffer.alloc(32)
  head.writeUInt32LE(3, 4)
  head.writeUInt32LE(data.length, 28)
  return Buffer.concat([head, data])
}
