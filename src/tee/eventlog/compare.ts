import type { TeeCheck } from '../types.ts'
import { initialValue, replay, type LogTarget } from './replay.ts'
import type { BankHash } from './hashes.ts'
import type { EventLog } from './types.ts'

/**
 * Compares registers that hardware vouched for with what the log leads to, one check a register. A register without any event must hold its
 * initial value.
 *
 * @param registers attested values by the log's own register index
 */
export function compareRegisters(
  log: EventLog,
  hash: BankHash,
  target: LogTarget,
  registers: ReadonlyMap<number, Buffer>,
): TeeCheck[] {
  const replayed = replay(log, hash, target)
  return [...registers].map(([register, value]) => {
    const wanted = replayed.get(register) ?? initialValue(register, hash, target, log.startupLocality)
    const ok = wanted.equals(value)
    const name = target === 'tpm' ? `PCR ${register}` : register === 0 ? 'MRTD' : `RTMR${register - 1}`
    return { name: `replay ${name}`, ok, why: `the log leads to ${wanted.toString('hex').slice(0, 16)}…` }
  })
}
