import { VerificationError } from '../../../base/errors.ts'
import { fromBase64 } from '../../../encoding/base64.ts'
import { compareRegisters } from '../../eventlog/compare.ts'
import { eventFacts, logFindings } from '../../eventlog/facts.ts'
import { bootAggregate, imaRule, parseIma } from '../../eventlog/ima.ts'
import { parseEventLog } from '../../eventlog/parse.ts'
import { replay } from '../../eventlog/replay.ts'
import type { EventLog } from '../../eventlog/types.ts'
import type { ImaFacts, TpmLogFacts } from '../../facts/tpm.ts'
import type { Steps } from '../steps.ts'

/** PCRs that firmware, boot loader and kernel stub fill and whose measurements all stand in the firmware's log. */
const firmwarePcrs = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

/**
 * Checks the logs that travel with a quote, where they do: `tcg-event-log` against PCRs 0 to 9, `ima-log` against PCR 10.
 * A log that does not lead to the quoted values is a failed step, since facts would otherwise be told from text that nobody measured.
 *
 * @param pcrs quoted values of the SHA-256 bank
 * @returns facts, null without logs, and the firmware's log where it holds
 */
export function checkLogs(
  documents: Readonly<Record<string, string>>,
  pcrs: ReadonlyMap<number, Buffer>,
  steps: Steps,
): { facts: TpmLogFacts; log: EventLog | null } {
  const { log, facts } = firmwareLog(documents['tcg-event-log'], pcrs, steps)
  return { log, facts: { log: facts, ima: imaLog(documents['ima-log'], pcrs, steps) } }
}

function firmwareLog(
  text: string | undefined,
  pcrs: ReadonlyMap<number, Buffer>,
  steps: Steps,
): { facts: TpmLogFacts['log']; log: EventLog | null } {
  if (text === undefined) return { facts: null, log: null }
  const log = steps.read('event-log', 'a crypto-agile log with SHA-256 digests', () => {
    const parsed = parseEventLog(fromBase64(text, 'tcg-event-log'), 'tcg2')
    if (!parsed.banks.includes('sha256'))
      throw new VerificationError('evidence-invalid', 'no SHA-256 digests in the log')
    return parsed
  })
  if (log === null) return { facts: null, log }
  const wanted = firmwarePcrs.map((pcr) => [pcr, pcrs.get(pcr) ?? Buffer.alloc(0)] as const)
  const checks = compareRegisters(log, 'sha256', 'tpm', new Map(wanted))
  for (const { name, ok, why } of checks) steps.note(name, ok, why)
  if (checks.some(({ ok }) => !ok)) return { facts: null, log: null }
  // The operating system extends later PCRs without a word in this log: only where it leads to the value its events are told.
  const reached = replay(log, 'sha256', 'tpm')
  const led = (pcr: number) => firmwarePcrs.includes(pcr) || pcrs.get(pcr)?.equals(reached.get(pcr) ?? Buffer.alloc(0))
  const facts = {
    startupLocality: log.startupLocality,
    events: log.events.filter(({ register }) => led(register) === true).map((event) => eventFacts(event, 'sha256')),
    findings: logFindings(log, 'sha256', 'tpm'),
  }
  return { facts, log }
}

function imaLog(text: string | undefined, pcrs: ReadonlyMap<number, Buffer>, steps: Steps): ImaFacts | null {
  if (text === undefined) return null
  const entries = steps.read('ima-log', 'a binary measurement list', () => parseIma(fromBase64(text, 'ima-log')))
  if (entries === null) return null
  const rule = imaRule(entries, 'sha256', pcrs.get(10) ?? Buffer.alloc(0))
  steps.note('replay IMA', rule !== null, 'the measurement list leads to PCR 10')
  // Under the padded rule the bank vouches for SHA-1 only.
  if (rule === null) return null
  const first = entries[0]?.file
  const aggregate = bootAggregate(pcrs, 'sha256')
  const tied = first?.path === 'boot_aggregate' && aggregate !== null && first.digest.equals(aggregate)
  return {
    rule,
    bootAggregate: tied,
    violations: entries.filter(({ violation }) => violation).length,
    // No hash covers a template's name: a file under another name would be missing below without a trace.
    unread: entries.filter(({ file, violation }) => file === null && !violation).length,
    files: entries.flatMap(({ file, violation }) =>
      file === null || violation
        ? []
        : [{ path: file.path, algorithm: file.algorithm, digest: file.digest.toString('hex') }],
    ),
  }
}
