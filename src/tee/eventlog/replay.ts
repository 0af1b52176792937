import { VerificationError } from '../../base/errors.ts'
import { digestOf, hashSize, type BankHash } from './hashes.ts'
import type { EventLog } from './types.ts'

/** What a register begins with. */
export type LogTarget = 'tpm' | 'ccel'

/**
 * Registers that the log's events lead to, each touched one by its index (PCR for `tpm`; for `ccel` the log's own: 0 is MRTD, n is RTMR n-1).
 *
 * @throws VerificationError `evidence-invalid` when the log has no digests of this algorithm
 */
export function replay(log: EventLog, hash: BankHash, target: LogTarget): Map<number, Buffer> {
  if (!log.banks.includes(hash)) {
    throw new VerificationError('evidence-invalid', `the event log has no ${hash} digests`, { subject: 'event log' })
  }
  const registers = new Map<number, Buffer>()
  for (const event of log.events) {
    const digest = event.digests.get(hash)
    if (!event.extended || digest === undefined) continue
    const before = registers.get(event.register) ?? initialValue(event.register, hash, target, log.startupLocality)
    registers.set(event.register, digestOf(hash, before, digest))
  }
  return registers
}

/** PCRs 17 to 22 begin with ones (PC Client Platform TPM Profile, table of PCR attributes); PCR 0 ends with the startup locality. */
export function initialValue(register: number, hash: BankHash, target: LogTarget, startupLocality: number): Buffer {
  const size = hashSize(hash)
  if (target === 'tpm' && register >= 17 && register <= 22) return Buffer.alloc(size, 0xff)
  const value = Buffer.alloc(size)
  if (target === 'tpm' && register === 0) value[size - 1] = startupLocality
  return value
}
