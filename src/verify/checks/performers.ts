import { roles, stepsIsolations, type JournalEvent, type StepsIsolation } from '../../journal/event.ts'
import { admissionsOf } from '../../journal/subject-roles.ts'
import type { Gate } from '../candidate.ts'
import { encryptedSubject } from '../encrypted.ts'
import { buildsOf, encryptsOf, plainForms, promotionsOf, recordsOf, sbomsOf } from '../journal-roles.ts'
import type { Acceptance } from '../policy/accept.ts'
import type { Claim } from '../statements.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** TRUST §3, §4: whose word the events are that the statements rest on, and how the work was kept apart from the job. */
export const performerSteps: Step[] = [
  { id: 'journal.performers', clause: 'TRUST §3', needs: ['evidence', 'journal'], run: performers },
  { id: 'journal.isolation', clause: 'TRUST §4', needs: ['evidence', 'journal'], run: isolation },
]

/** What the image and its statements rest on: for each the best event, since a caller may always add a worse one. */
export function restsOn(gate: Gate): JournalEvent[] {
  const events = (gate.found.journal ?? []).slice(0, gate.found.sealed)
  const encrypted = encryptedSubject(gate)
  const subject = gate.subject.descriptor.digest
  const builds = buildsOf(events, subject, encrypted)
  const recorded = gate.mine.filter(({ kind }) => kind === 'provenance' || kind === 'rebuild')
  const groups = [
    // A statement over a record rests on the build that gave this very record, whatever else the job built.
    ...(recorded.length === 0 ? [builds] : recorded.map((claim) => builds.filter((event) => gave(event, claim)))),
    encrypted ? encryptsOf(events, subject) : [],
    ...gate.mine.map((claim) => sbomsOf(events, claim, encrypted)),
    ...gate.mine.map((claim) => promotionsOf(events, claim)),
    ...(gate.policy.publisher === null
      ? []
      : plainForms(events, subject, encrypted).map((form) => admissionsOf(events, form))),
  ]
  return [...new Set(groups.flatMap((group) => best(group) ?? []))]
}

function gave({ outputs }: JournalEvent, claim: Claim): boolean {
  const records = recordsOf(claim)
  return outputs.some(({ role, digest }) => role === roles.buildRecord && records.includes(digest))
}

/** By the agent before by a caller, then the strongest isolation. */
function best(events: readonly JournalEvent[]): JournalEvent | null {
  const worth = (event: JournalEvent): number =>
    (event.performer === 'agent' ? 100 : 0) +
    (event.isolation.worker === 'own-user' ? 50 : 0) -
    stepsIsolations.indexOf(event.isolation.steps)
  return events.reduce<JournalEvent | null>((a, b) => (a === null || worth(b) > worth(a) ? b : a), null)
}

function performers(gate: Gate): Outcome {
  const events = restsOn(gate)
  if (events.length === 0) return skipped('the journal has no event that made this image')
  const claimed = events.filter(({ performer }) => performer === 'caller').map(({ kind }) => kind)
  if (claimed.length > 0) {
    return unlessAccepted(
      gate,
      'accept-claimed-steps',
      'claimed-steps',
      `${kindsOf(claimed)} of the journal: whoever reached the agent's socket said so`,
    )
  }
  const by =
    gate.found.level === 'agent-exclusive'
      ? 'the agent that alone reaches the TEE'
      : `an agent of the job's own user${coveredBy(gate)}`
  return passed(`${kindsOf(events.map(({ kind }) => kind))} performed by ${by}`)
}

function kindsOf(kinds: readonly string[]): string {
  return [...new Set(kinds)].join(', ')
}

/** The line that accepted the level covers performer and isolation, too (TRUST §3). */
function coveredBy({ policy }: Gate): string {
  const lines: Acceptance[] = ['accept-sample', 'accept-software-tpm', 'accept-machine-only']
  const line = lines.find((name) => policy.accepts.has(name))
  return line === undefined ? '' : `, which ${line} covers`
}

/** Counts only where nobody but the agent could have written it. */
function isolation(gate: Gate): Outcome {
  const events = restsOn(gate).filter(({ performer }) => performer === 'agent')
  if (events.length === 0) return skipped('the agent performed no event that made this image')
  const weakest = events.reduce<StepsIsolation>(
    (a, { isolation: { steps } }) => (rank(steps) > rank(a) ? steps : a),
    'no-steps',
  )
  const shared = events.find(({ isolation: { worker } }) => worker === 'same-user')
  if (gate.found.level !== 'agent-exclusive') {
    const worker = shared === undefined ? 'a user of their own' : "the job's own user"
    return passed(`workers ran as ${worker}, foreign steps: ${weakest}${coveredBy(gate)}`)
  }
  if (shared !== undefined)
    return failed(
      'isolation-short',
      `the worker of the ${shared.kind} event ran as the job's own user, which excludes agent-exclusive`,
    )
  // Whoever reaches a rootful engine is root on the machine, and so reaches the TEE.
  if (events.some(({ isolation: { steps } }) => steps === 'engine'))
    return failed(
      'isolation-short',
      'foreign steps ran in an engine that makes its caller root, which excludes agent-exclusive',
    )
  if (rank(weakest) <= rank('sandbox')) return passed(`workers ran as a user of their own, foreign steps: ${weakest}`)
  const accepted = gate.policy.document['accept-steps-isolation']
  const why = `foreign steps ran with the isolation ${weakest}, less than sandbox`
  if (accepted !== undefined && rank(weakest) > rank(accepted))
    return failed('isolation-short', `${why}; accept-steps-isolation accepts ${accepted}`)
  return unlessAccepted(gate, 'accept-steps-isolation', 'isolation-short', why)
}

function rank(steps: StepsIsolation): number {
  return stepsIsolations.indexOf(steps)
}
