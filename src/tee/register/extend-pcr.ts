import { InputError, SealwrightError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { parseEventLog } from '../eventlog/parse.ts'
import { initialValue, replay } from '../eventlog/replay.ts'
import { pcrBanks } from '../tpm/capability.ts'
import { extendPcr, readPcrs } from '../tpm/pcr.ts'
import type { Tpm } from '../tpm/tpm.ts'
import type { RuntimeRegister } from '../types.ts'
import { registerName } from './names.ts'
import { registerWithLog, usedBefore } from './open-log.ts'
import { recordDigests } from './record.ts'

/** Opens a TPM for one operation: a software TPM serves one connection at a time. */
export type UseTpm = <T>(use: (tpm: Tpm) => Promise<T>) => Promise<T>

/**
 * The runtime register in a PCR. Every active bank is extended with a digest of its own algorithm, so that no bank shows the boot alone.
 *
 * @param register `pcr14` …
 * @param bootLog document `tcg-event-log`, or null where the firmware left none that we may read
 * @throws InputError `unsupported` where the TPM has no SHA-256 bank of this PCR
 */
export async function openPcrRegister(
  register: string,
  bootLog: Uint8Array | null,
  use: UseTpm,
  ports: Pick<Ports, 'log'>,
): Promise<RuntimeRegister> {
  const target = registerName(register)
  const pcr = target.index
  const { banks, value } = await use(async (tpm) => {
    const active = (await pcrBanks(tpm)).filter(({ pcrs }) => pcrs.includes(pcr)).map(({ hash }) => hash)
    if (!active.includes('sha256')) {
      throw new InputError('unsupported', `the TPM has no SHA-256 bank of PCR ${pcr}`, {
        subject: register,
        remedy: 'Switch the SHA-256 bank on in the firmware setup, and restart.',
      })
    }
    return { banks: active, value: (await readPcrs(tpm, 'sha256', [pcr])).get(pcr) }
  })
  const warning = value?.equals(bootValue(pcr, bootLog, ports)) === true ? null : usedBefore(target)
  return registerWithLog(target, banks, warning, (record) =>
    use((tpm) => extendPcr(tpm, pcr, recordDigests(record, banks))),
  )
}

/** What the boot left in the PCR, by its own log. A log that cannot be read explains nothing, which the gate will say too. */
function bootValue(pcr: number, bootLog: Uint8Array | null, ports: Pick<Ports, 'log'>): Buffer {
  const initial = initialValue(pcr, 'sha256', 'tpm', 0)
  if (bootLog === null) return initial
  try {
    return replay(parseEventLog(bootLog, 'tcg2'), 'sha256', 'tpm').get(pcr) ?? initial
  } catch (error) {
    if (!(error instanceof SealwrightError)) throw error
    ports.log.warn(`the boot's event log cannot be replayed: ${error.message}`)
    return initial
  }
}
