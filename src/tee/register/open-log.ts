import type { BankHash } from '../eventlog/hashes.ts'
import type { RegisterRecord, RuntimeRegister } from '../types.ts'
import type { RegisterName } from './names.ts'
import { encodeRecord } from './record.ts'

/**
 * A register with its log, over whatever extends it. A record enters the log only after the hardware took it: a log that is one short is
 * refused by every gate, one that is too long too.
 */
export function registerWithLog(
  { name, index }: RegisterName,
  banks: readonly BankHash[],
  warning: string | null,
  extend: (record: RegisterRecord) => Promise<void>,
): RuntimeRegister {
  const entries: Buffer[] = []
  return {
    name,
    warning,
    extend: async (record) => {
      await extend(record)
      entries.push(encodeRecord(index, record, banks))
    },
    log: () => Buffer.concat(entries),
  }
}

/** What the gate will say of a register that the boot log does not explain, told early. */
export function usedBefore({ name }: RegisterName): string {
  return `${name} already holds what the boot log does not explain: an agent started in this boot before, or another program extended it. A gate that reads the register refuses this; restart the machine for the next job`
}
