import { VerificationError } from '../../base/errors.ts'
import { parseEventLog } from '../eventlog/parse.ts'
import type { PcrEvent } from './pcr.ts'
import type { AcpiDigests } from './rtmr.ts'

/** Digests that went into each RTMR of one real boot, in order, from its CCEL. */
export type RtmrLogs = readonly (readonly Buffer[])[]

/** @throws VerificationError `format-invalid` for what is no CCEL, or one without SHA-384 */
export function rtmrLogs(ccel: Uint8Array, subject: string): RtmrLogs {
  const log = parseEventLog(ccel, 'ccel', subject)
  return [1, 2, 3, 4].map((register) =>
    log.events
      .filter((event) => event.extended && event.register === register)
      .map((event) => {
        const digest = event.digests.get('sha384')
        if (digest !== undefined) return digest
        throw new VerificationError('format-invalid', `${subject} has no SHA-384 digests`, { subject })
      }),
  )
}

/** ACPI digests are the three events behind the first separator of RTMR0, where {@link tdxRtmr0} has them. */
const acpiAt = 8

/** What QEMU handed over for ACPI on the machine of this log. @throws VerificationError `format-invalid` for a log that is too short */
export function acpiFrom(logs: RtmrLogs, subject: string): AcpiDigests {
  const [loader, rsdp, tables] = logs[0]?.slice(acpiAt, acpiAt + 3) ?? []
  if (loader !== undefined && rsdp !== undefined && tables !== undefined) return { loader, rsdp, tables }
  throw new VerificationError('format-invalid', `${subject} has no ACPI events in RTMR0`, { subject })
}

/**
 * Compares a prediction with the log of a real boot, event by event.
 *
 * @throws VerificationError `digest-mismatch` naming the first event that differs
 */
export function compareWithLog(
  register: number,
  predicted: readonly PcrEvent[],
  logs: RtmrLogs,
  subject: string,
): void {
  const real = logs[register] ?? []
  const first = predicted.findIndex(({ digest }, i) => real[i]?.equals(digest) !== true)
  const at = first === -1 && real.length > predicted.length ? predicted.length : first
  if (at === -1) return
  const show = (digest: Buffer | undefined): string => digest?.toString('hex').slice(0, 16) ?? 'nothing'
  const expected = predicted[at]
  throw new VerificationError(
    'digest-mismatch',
    `RTMR${register} of ${subject} differs at event ${at + 1}: ${expected?.what ?? 'no more'} ${show(expected?.digest)} was predicted, ${show(real[at])} measured`,
    { subject, remedy: 'Check kernel, command line, memory and --edk2; a log of another machine shape never fits.' },
  )
}
