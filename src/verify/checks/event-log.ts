import type { EventFact } from '../../tee/facts/log.ts'
import { logOf } from '../../tee/facts/processor.ts'
import type { TeeVerdict } from '../../tee/types.ts'
import type { WantedEvent } from '../policy/tee-schema.ts'
import { failed, passed, skipped, type Outcome, type MachineGate, type MachineStep } from '../step.ts'

/** What the replayed log must say, by what its digests cover. */
export const eventLogSteps: MachineStep[] = [
  { id: 'machine.events', clause: 'TRUST §6', scope: 'machine', needs: ['tee'], run: events },
]

/** SHA-256 of the one byte 01: Secure Boot is on. */
const on = '4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a'
const globalVariables = '8be4df61-93ca-11d2-aa0d-00e098032b8c'

function events({ policy, found }: MachineGate): Outcome {
  const { tee } = policy.document
  const wanted = tee?.['event-log'] ?? []
  const secure = tee?.['secure-boot'] === 'require'
  if (wanted.length === 0 && !secure) return skipped('the policy asks for no events')
  for (const verdict of found.tee ?? []) {
    const replayed = logOf(verdict)
    if (replayed === null) return failed('evidence-invalid', 'the evidence contains no event log')
    const { events: log, findings } = replayed
    // An ambiguous log could be read in two ways by firmware and by us.
    if (findings.length > 0) return failed('evidence-invalid', `the event log is ambiguous: ${findings.join('; ')}`)
    const missing = wanted.find((one) => !log.some((event) => meets(event, one)))
    if (missing !== undefined) return failed('evidence-invalid', `the event log has no ${words(missing)}`)
    if (secure && !secureBoot(log, verdict))
      return failed('evidence-invalid', 'Secure Boot was not on, or the log does not say it')
  }
  return passed(`the replayed log has ${wanted.length} wanted event(s)${secure ? ', Secure Boot on' : ''}`)
}

/** Register of an event as the policy writes it: PCRs by their number, RTMR n under index n+1. */
function indexOf(register: string): number {
  const number = Number(register.replace(/^[a-z]+/, ''))
  return register.startsWith('rtmr') ? number + 1 : number
}

function meets(event: EventFact, wanted: WantedEvent): boolean {
  const { extended, register, type, digest, measured } = event
  if (!extended || register !== indexOf(wanted.register)) return false
  if (wanted.type !== undefined && wanted.type !== type) return false
  if (wanted.digest !== undefined && wanted.digest !== digest) return false
  if (wanted.text !== undefined && (measured?.kind !== 'text' || wanted.text !== measured.text)) return false
  if (wanted.variable === undefined) return true
  const { name, guid, sha256 } = wanted.variable
  return (
    measured?.kind === 'variable' &&
    measured.name === name &&
    (guid === undefined || measured.guid === guid) &&
    measured.value.sha256 === sha256
  )
}

/**
 * The variable was measured by the firmware, and each time as on. Until the first separator only firmware runs; what stands behind it anybody
 * with root may have extended, while the log calls the firmware's own word something that no digest covers.
 */
function secureBoot(log: readonly EventFact[], { technology }: TeeVerdict): boolean {
  const register = technology === 'tdx' ? 1 : 7
  const events = log.filter(({ register: of, extended }) => of === register && extended)
  const end = events.findIndex(({ measured }) => measured?.kind === 'separator')
  const states = (of: readonly EventFact[]): string[] =>
    of.flatMap(({ measured }) =>
      measured?.kind === 'variable' && measured.name === 'SecureBoot' && measured.guid === globalVariables
        ? [measured.value.sha256]
        : [],
    )
  return end >= 0 && states(events.slice(0, end)).length > 0 && states(events).every((state) => state === on)
}

function words({ register, type, digest, text, variable }: WantedEvent): string {
  const parts = [
    type ?? 'event',
    `in ${register}`,
    digest === undefined ? '' : `with digest ${digest}`,
    text === undefined ? '' : `with text ${JSON.stringify(text)}`,
    variable === undefined ? '' : `of variable ${variable.name} with value ${variable.sha256}`,
  ]
  return parts.filter((part) => part !== '').join(' ')
}
