import { noAction } from './event-types.ts'
import { hashId, hashSize, type BankHash } from './hashes.ts'

/**
 * Specification event, the first record of a crypto-agile log (PC Client profile §10.4.5.1): version 2.0, words of 64 bits, no vendor
 * information.
 */
export function specificationEvent(banks: readonly BankHash[]): Buffer {
  const data = Buffer.concat([
    Buffer.from('Spec ID Event03\0', 'latin1'),
    // Platform class, minor and major version, errata, size of a word.
    ...[u32(0), Buffer.of(0, 2, 0, 2), u32(banks.length)],
    ...banks.flatMap((bank) => [u16(hashId(bank)), u16(hashSize(bank))]),
    Buffer.of(0),
  ])
  // The old form of a record: one SHA-1 digest, which is empty here since nothing measures this event.
  return Buffer.concat([u32(0), u32(noAction), Buffer.alloc(20), u32(data.length), data])
}

/**
 * Any later record, TCG_PCR_EVENT2 (PC Client profile §10.2.2).
 *
 * @param register PCR, or 1–4 for MRTD and the RTMRs of a CC log
 * @param digests one for each bank of the specification event, in its order
 */
export function encodeEvent(
  register: number,
  type: number,
  digests: ReadonlyMap<BankHash, Uint8Array>,
  data: Uint8Array,
): Buffer {
  const values = [...digests].flatMap(([bank, digest]) => [u16(hashId(bank)), digest])
  return Buffer.concat([u32(register), u32(type), u32(digests.size), ...values, u32(data.length), data])
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
