import { VerificationError } from '../../base/errors.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import { aaelOrNull } from '../eventlog/aael.ts'
import { coverage } from '../eventlog/coverage.ts'
import type { EventLog, LogEvent } from '../eventlog/types.ts'
import {
  isOurs,
  parseRuntimeLog,
  registerName,
  replayRegister,
  uncovered,
  type RuntimeEntry,
} from '../register/index.ts'
import type { RegisterVerdict, TeeEvidence } from '../types.ts'
import type { Steps } from './steps.ts'

export interface RegisterInput {
  documents: TeeEvidence['documents']
  /** `pcr14`, `rtmr3` … */
  name: string
  /** Values that a quote which holds vouches for. */
  measured: Readonly<Record<string, string>>
  /** What firmware and others logged; on TDX the agent's own records stand in it, too, and it leads to RTMR3 already. */
  log: EventLog | null
}

/**
 * Replays the runtime register from document `runtime-log`. Null where there is no such log, which is for the policy to judge, and where it
 * does not lead to the attested value, which is a failed step.
 */
export function checkRegister({ documents, name, measured, log }: RegisterInput, steps: Steps): RegisterVerdict | null {
  const text = documents['runtime-log']
  if (text === undefined) return null
  return steps.read('register', `${name} holds what the agent's log says, and what the boot log says before it`, () => {
    const value = Buffer.from(measured[name] ?? '', 'hex')
    if (value.length === 0) throw refuse(`the report holds no ${name}`, name)
    const runtime = parseRuntimeLog(fromBase64(text, 'runtime-log'))
    return name === 'rtmr3' && log !== null
      ? fromWholeLog(log, runtime, name)
      : replayRegister({ register: name, value, log, runtime })
  })
}

/** The log has been replayed to the register as a whole: what is not the agent's in it is somebody else's, before, between or after. */
function fromWholeLog(log: EventLog, runtime: readonly RuntimeEntry[], register: string): RegisterVerdict {
  const { name, index, hash, resettable } = registerName(register)
  const events = log.events.filter((event) => event.register === index && event.extended)
  const own = events.filter((event) => coverage(event, hash) === 'data' && isOurs(event))
  const digests = own.map((event) => event.digests.get(hash)?.toString('hex'))
  const same =
    digests.length === runtime.length &&
    runtime.every(({ index: of, digests: one }, n) => of === index && one.get(hash)?.toString('hex') === digests[n])
  if (!same) throw refuse('runtime-log and cc_eventlog have different records of the agent', name)
  const foreign = events.filter((event) => !own.includes(event))
  return {
    name,
    resettable,
    records: runtime.map(({ record }) => record),
    foreign: foreign.map((event) => `${event.digests.get(hash)?.toString('hex') ?? ''} ${words(event, hash)}`),
  }
}

/** Labels are not told: nobody measured them. */
function words(event: LogEvent, hash: 'sha384' | 'sha256' | 'sha512' | 'sha1'): string {
  const place = `${event.typeName} (event ${event.index})`
  if (coverage(event, hash) !== 'data') return `${place}: ${uncovered}`
  const record = aaelOrNull(event.data)
  return record === null
    ? `${place}: ${event.data.length} bytes`
    : `${place}: ${JSON.stringify(`${record.domain} ${record.operation} ${record.content}`.slice(0, 200))}`
}

function refuse(why: string, subject: string): VerificationError {
  return new VerificationError('evidence-invalid', why, { subject })
}
