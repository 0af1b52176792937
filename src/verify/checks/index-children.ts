import { roles, type JournalEvent } from '../../journal/event.ts'
import type { Gate } from '../candidate.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** TRUST §5.1: what is attached to an index counts only if one build put out the index and all its children. */
export const indexSteps: Step[] = [
  { id: 'subject.index', clause: 'TRUST §5.1', needs: ['evidence', 'journal'], run: index },
]

function index(gate: Gate): Outcome {
  const { subject, mine, evidence, found } = gate
  const [named] = subject.via
  if (named === undefined) return skipped('no index was named')
  const used = mine.some((claim) => claim.subject === named) || evidence?.subject === named
  if (!used) return passed(`every statement speaks of the manifest itself, none of the index ${named}`)
  const wanted = [named, ...subject.siblings]
  const events = (found.journal ?? []).slice(0, found.sealed)
  const made = events.filter((event) => puts(event, wanted))
  const good = `one build put out the index and its ${subject.siblings.length} children`
  if (made.some(({ performer }) => performer === 'agent')) return passed(good, named)
  if (made.length > 0)
    return unlessAccepted(
      gate,
      'accept-claimed-steps',
      'claimed-steps',
      `whoever reached the agent's socket said that ${good}`,
      named,
    )
  return failed(
    'index-unattested',
    `statements of the index ${named} count only if one build put out the index and all its ${subject.siblings.length} children; the journal has no such build`,
    named,
  )
}

function puts(event: JournalEvent, wanted: readonly string[]): boolean {
  if (event.kind !== 'build') return false
  const out = new Set<string>(event.outputs.filter(({ role }) => role === roles.image).map(({ digest }) => digest))
  return wanted.every((digest) => out.has(digest))
}
