import { compareRegisters } from '../../eventlog/compare.ts'
import { eventFacts, logFindings } from '../../eventlog/facts.ts'
import { parseEventLog } from '../../eventlog/parse.ts'
import type { EventLog } from '../../eventlog/types.ts'
import type { LogFacts } from '../../facts/log.ts'
import type { Steps } from '../steps.ts'

/** Index of a runtime register in a CCEL: 0 is MRTD, n is RTMR n-1. */
const registers = [1, 2, 3, 4] as const

/**
 * Replays CCEL and what was appended to it against all four runtime registers: a log that does not lead to them tells nothing.
 *
 * @param measured `rtmr0` … `rtmr3` of a quote that holds
 * @returns the log and facts of its events; null when it was refused
 */
export function checkCcel(
  bytes: Buffer,
  measured: Readonly<Record<string, string>>,
  steps: Steps,
): { log: EventLog; facts: LogFacts } | null {
  const log = steps.read('event-log', 'a CCEL with SHA-384 digests', () => parseEventLog(bytes, 'ccel', 'cc_eventlog'))
  if (log === null) return null
  const values = new Map(registers.map((index) => [index, Buffer.from(measured[`rtmr${index - 1}`] ?? '', 'hex')]))
  const checks = steps.read('event-log-digests', 'digests of SHA-384', () =>
    compareRegisters(log, 'sha384', 'ccel', values),
  )
  if (checks === null) return null
  for (const { name, ok, why } of checks) steps.note(name, ok, why)
  if (checks.some(({ ok }) => !ok)) return null
  return {
    log,
    facts: {
      // MRTD is no register of the log: what stands under its index was not compared.
      events: log.events.filter(({ register }) => register > 0).map((event) => eventFacts(event, 'sha384')),
      findings: logFindings(log, 'sha384', 'ccel'),
    },
  }
}
