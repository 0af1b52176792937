import { VerificationError } from '../../base/errors.ts'
import { aaelOrNull } from '../eventlog/aael.ts'
import { coverage } from '../eventlog/coverage.ts'
import { digestOf } from '../eventlog/hashes.ts'
import { initialValue } from '../eventlog/replay.ts'
import type { EventLog, LogEvent } from '../eventlog/types.ts'
import type { RegisterVerdict } from '../types.ts'
import { registerDomain } from './record.ts'
import { registerName } from './names.ts'
import type { RuntimeEntry } from './runtime-log.ts'

/** Ends each foreign entry whose digest vouches for no content that is at hand. */
export const uncovered = 'content not covered by the digest'

export interface RegisterReplay {
  /** `pcr14`, `rtmr3` …: which one the policy expects. */
  register: string
  /** The attested value: of the SHA-256 bank for a PCR, SHA-384 for RTMR3. */
  value: Uint8Array
  /** The firmware's own log, whose events of this register come first; null where none travels. */
  log: EventLog | null
  /** Of `parseRuntimeLog`. */
  runtime: readonly RuntimeEntry[]
}

/**
 * Replays a runtime register from its initial value: the events that firmware and boot loaders logged, then the agent's records, and nothing
 * else leads to the attested value.
 *
 * What others extended is named under `foreign`, each beginning with its digest. One whose data its digest doesn't cover may be anything, an
 * earlier `agent-start` too: who accepts such an event accepts that by its digest.
 *
 * @throws VerificationError `evidence-invalid`: another value, a record of another register, a record of ours in the firmware's log
 */
export function replayRegister({ register, value, log, runtime }: RegisterReplay): RegisterVerdict {
  const { name, index, hash, resettable } = registerName(register)
  const refuse = (why: string): VerificationError =>
    new VerificationError('evidence-invalid', `${name}: ${why}`, { subject: name })
  let reached = initialValue(index, hash, name === 'rtmr3' ? 'ccel' : 'tpm', 0)
  const foreign: string[] = []
  const extend = (digest: Uint8Array | undefined, what: string): void => {
    if (digest === undefined) throw refuse(`${what} has no ${hash} digest`)
    reached = digestOf(hash, reached, digest)
  }
  for (const event of log?.events ?? []) {
    if (event.register !== index || !event.extended) continue
    // Text with our mark in a log that the boot wrote is no event of a boot.
    if (isOurs(event)) throw refuse(`event ${event.index} of the boot log has the agent's mark`)
    const digest = event.digests.get(hash)
    extend(digest, `event ${event.index}`)
    foreign.push(describe(event, hash, digest?.toString('hex') ?? ''))
  }
  for (const entry of runtime) {
    if (entry.index !== index) throw refuse(`the log is of register ${entry.index}`)
    extend(entry.digests.get(hash), `the record at byte ${entry.offset}`)
  }
  if (!reached.equals(Buffer.from(value))) {
    throw refuse(
      `${foreign.length} boot events and ${runtime.length} records lead to ${reached.toString('hex').slice(0, 16)}…, not to the attested value: something is missing, or somebody else extended it`,
    )
  }
  return { name, resettable, records: runtime.map(({ record }) => record), foreign }
}

/** Whether an event's text has the agent's mark; only where the digest covers that text did an agent extend it. */
export function isOurs({ data }: LogEvent): boolean {
  return aaelOrNull(data)?.domain === registerDomain
}

function describe(event: LogEvent, hash: 'sha256' | 'sha384' | 'sha1' | 'sha512', digest: string): string {
  const covers = coverage(event, hash)
  // Labels are not told: nobody measured them.
  const content = covers === 'data' ? printable(event.data) : uncovered
  return `${digest} ${event.typeName} (event ${event.index}): ${content}`
}

function printable(data: Buffer): string {
  // Trailing zeros are counted by hand: an expression for them takes the square of their number where another byte follows.
  let end = data.length
  while (end > 0 && data[end - 1] === 0) end -= 1
  const text = data.toString('latin1', 0, Math.min(end, 201))
  return /^[\x20-\x7e]{1,200}$/.test(text) ? JSON.stringify(text) : `${data.length} bytes`
}
