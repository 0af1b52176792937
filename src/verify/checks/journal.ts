import { textOf } from '../../base/json.ts'
import { eventDigest, parseJournal, roles, type JournalEvent } from '../../journal/event.ts'
import { jobDigest } from '../../journal/binding.ts'
import type { Claim } from '../statements.ts'
import type { Gate } from '../candidate.ts'
import { encryptedSubject } from '../encrypted.ts'
import { buildsOf, encryptsOf, roleProblem } from '../journal-roles.ts'
import { imageKeySteps } from './image-key.ts'
import { performerSteps } from './performers.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'

/** TRUST §5.6: the journal replays to both heads; event 0 names K and job; statements stand in it before the seal, with their role. */
export const journalSteps: Step[] = [
  { id: 'journal.chain', clause: 'TRUST §5.6', needs: ['evidence'], run: replay },
  { id: 'journal.job', clause: 'TRUST §5.6', needs: ['evidence', 'journal'], run: firstEvent },
  { id: 'journal.sealed', clause: 'TRUST §5.6', needs: ['evidence', 'journal'], run: sealed },
  { id: 'journal.predicates', clause: 'TRUST §5.6', needs: ['evidence', 'journal'], run: predicates },
  { id: 'journal.roles', clause: 'TRUST §5.6', needs: ['evidence', 'journal'], run: rolesHeld },
  { id: 'journal.config', clause: 'TRUST §5.6', needs: ['evidence', 'journal', 'image'], run: configHeld },
  ...performerSteps,
  ...imageKeySteps,
  { id: 'journal.builds', clause: 'TRUST §4', needs: ['evidence', 'journal'], run: builds },
  { id: 'journal.shown', clause: 'TRUST §3', needs: ['evidence', 'journal'], run: shown },
]

function replay(gate: Gate): Outcome {
  const { evidence, found } = gate
  if (evidence === null) return skipped('no evidence')
  const events = parseJournal(evidence.journal)
  for (const { role, binding } of [evidence.open, ...evidence.seals]) {
    const { head, count } = binding.journal
    const last = events[count - 1]
    if (last === undefined || eventDigest(last) !== head) {
      return failed(
        'journal-broken',
        `the journal does not replay to the head of the ${role} report (${head} after ${count} events)`,
        evidence.manifest,
      )
    }
  }
  found.journal = events
  found.sealed = evidence.seals.at(-1)?.binding.journal.count ?? 0
  return passed(
    `${events.length} events replay to the heads of all reports; ${found.sealed} are sealed`,
    evidence.manifest,
  )
}

function firstEvent({ evidence, found }: Gate): Outcome {
  const result = found.journal?.[0]?.result
  if (evidence === null || result === undefined) return skipped('no journal')
  const { binding } = evidence.open
  if (result['keyThumbprint'] !== evidence.key.thumbprint) {
    return failed(
      'journal-key-mismatch',
      `event 0 names the key ${textOf(result['keyThumbprint'])}, the report ${evidence.key.thumbprint}`,
      evidence.manifest,
    )
  }
  if (result['job'] !== jobDigest(binding.job) || result['instance'] !== binding.job.instance) {
    return failed('journal-key-mismatch', 'event 0 names another job or instance than the report', evidence.manifest)
  }
  return passed('event 0 names the key, the job and the instance of the report')
}

/** The evidence statement is signed after the seal and only points there. */
function judged({ mine }: Gate): Claim[] {
  return mine.filter((claim) => claim.kind !== 'evidence')
}

/** The sealed `statement` event of a payload, or null. */
function eventOf({ found }: Gate, claim: Claim): JournalEvent | null {
  const isIt = (event: JournalEvent): boolean =>
    event.kind === 'statement' &&
    event.outputs.some(({ role, digest }) => role === roles.payload && digest === claim.payloadDigest)
  return (found.journal ?? []).slice(0, found.sealed).find(isIt) ?? null
}

function sealed(gate: Gate): Outcome {
  const loose = judged(gate).find((claim) => eventOf(gate, claim) === null)
  if (loose !== undefined) {
    return failed(
      'unsealed',
      `the ${loose.kind ?? loose.predicateType} statement does not stand in the journal before the seal`,
      loose.manifest,
    )
  }
  return passed(`all ${judged(gate).length} statements stand in the journal before the seal`)
}

function predicates(gate: Gate): Outcome {
  for (const claim of judged(gate)) {
    const event = eventOf(gate, claim)
    if (event === null) continue
    const type = event.result['predicateType']
    if (type !== claim.predicateType) {
      return failed(
        'predicate-mismatch',
        `the journal has the payload as ${textOf(type)}, it is attached as ${claim.predicateType}`,
        claim.manifest,
      )
    }
    const subject = event.inputs.find(({ role }) => role === roles.subject)?.digest
    if (subject !== claim.subject) {
      return failed(
        'subject-mismatch',
        `the journal has the ${claim.kind ?? type} statement for ${subject ?? 'no subject'}`,
        claim.manifest,
      )
    }
  }
  return passed('the journal has each statement with its predicate type and subject')
}

function rolesHeld(gate: Gate): Outcome {
  const events = (gate.found.journal ?? []).slice(0, gate.found.sealed)
  for (const claim of judged(gate)) {
    const problem = roleProblem(claim, events, encryptedSubject(gate))
    if (problem !== null)
      return failed(problem.code, `${claim.kind ?? claim.predicateType}: ${problem.why}`, claim.manifest)
  }
  return passed('the subject of each statement has the role that its predicate needs')
}

/** The image runs with its configuration: the one that the build gave, in plain and in encrypted form. */
function configHeld(gate: Gate): Outcome {
  const { image, descriptor } = gate.subject
  const events = (gate.found.journal ?? []).slice(0, gate.found.sealed)
  const made = buildsOf(events, descriptor.digest, encryptedSubject(gate))
  const wanted = image?.configDigest ?? ''
  const has = (items: JournalEvent['outputs']): boolean =>
    items.some(({ role, digest }) => role === roles.config && digest === wanted)
  const told = (items: JournalEvent['outputs']): string =>
    items.flatMap(({ role, digest }) => (role === roles.config ? [digest] : [])).join(', ') || 'none'
  const [first] = made
  if (first !== undefined && !made.some(({ outputs }) => has(outputs)))
    return failed('role-mismatch', `the image has the configuration ${wanted}, its build gave ${told(first.outputs)}`)
  const encrypts = encryptedSubject(gate) ? encryptsOf(events, descriptor.digest) : []
  const [other] = encrypts
  if (other !== undefined && !encrypts.some(({ inputs }) => has(inputs)))
    return failed(
      'role-mismatch',
      `the image has the configuration ${wanted}, what was encrypted ${told(other.inputs)}`,
    )
  if (first === undefined) return skipped('the journal has no build of this image')
  return passed(`the configuration ${wanted} is the one that the build gave`)
}

/** Rare, and a way to let one build stand for another: told, refused for nothing. */
function builds({ found }: Gate): Outcome {
  const all = (found.journal ?? []).slice(0, found.sealed).filter(({ kind }) => kind === 'build')
  if (all.length === 0) return passed('the job built no image')
  if (all.length === 1) return passed('the job built one image, once')
  const images = all.map(({ outputs }) => outputs.find(({ role }) => role === roles.image)?.digest ?? 'no image')
  return passed(`the journal has ${all.length} build events: ${images.slice(0, 8).join(', ')}`)
}

function shown({ found, claims, subject }: Gate): Outcome {
  const payloads = new Set<string>(claims.map((claim) => claim.payloadDigest))
  const hidden = (found.journal ?? [])
    .slice(0, found.sealed)
    .filter(
      (event) => event.kind === 'statement' && event.inputs.some(({ digest }) => digest === subject.descriptor.digest),
    )
    .filter((event) => !event.outputs.some(({ role, digest }) => role === roles.payload && payloads.has(digest)))
    .map((event) => textOf(event.result['predicateType']))
  if (hidden.length === 0) return passed('every sealed statement of this image is attached')
  return passed(`the store does not show ${hidden.length} sealed statement(s): ${hidden.join(', ')}`)
}
