import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { isObject, parseJson } from '../../src/base/json.ts'
import { evidenceMediaTypes } from '../../src/journal/evidence-bundle.ts'
import { parseJournal, type EventKind, type Isolation, type JournalEvent } from '../../src/journal/event.ts'
import type { Verdict } from '../../src/verify/types.ts'

/** Largest blob that can be a manifest. */
const manifestLimit = 4 << 20
const needed: readonly EventKind[] = ['build', 'sbom', 'encrypt']

/** Events of the job whose evidence lies in a layout, from its journal. */
export function journalOf(layout: string): JournalEvent[] {
  const blobs = join(layout, 'blobs/sha256')
  for (const name of readdirSync(blobs)) {
    const path = join(blobs, name)
    if (statSync(path).size > manifestLimit) continue
    const digest = journalDigest(readFileSync(path))
    if (digest !== null) return [...parseJournal(readFileSync(join(blobs, digest.slice('sha256:'.length))))]
  }
  return []
}

function journalDigest(bytes: Buffer): string | null {
  if (bytes[0] !== 0x7b) return null
  try {
    const value = parseJson(bytes.toString('utf8'), 'manifest')
    const layers = isObject(value) && Array.isArray(value['layers']) ? value['layers'] : []
    const found = layers.find((one) => isObject(one) && one['mediaType'] === evidenceMediaTypes.journal)
    return isObject(found) && typeof found['digest'] === 'string' ? found['digest'] : null
  } catch {
    return null
  }
}

/** What a required event must say: its worker had a user of its own, and what is foreign ran in the sandbox without a network. */
const expected = (kind: EventKind): Isolation => ({
  worker: 'own-user',
  steps: kind === 'build' ? 'sandbox' : 'no-steps',
  network: 'none',
})

/** Events that statements about the image rest on. */
export function requiredEvents(events: readonly JournalEvent[]): JournalEvent[] {
  return events.filter(({ kind }) => needed.includes(kind))
}

/** What is not as it must be at `agent-exclusive`: each required event is the agent's word, done by a worker and in the sandbox. */
export function notPerformed(events: readonly JournalEvent[]): string[] {
  return needed.flatMap((kind) => {
    const of = events.filter((event) => event.kind === kind)
    if (of.length === 0) return [`the journal has no ${kind} event`]
    return of
      .filter(({ performer, isolation }) => performer !== 'agent' || !isDeepStrictEqual(isolation, expected(kind)))
      .map(({ performer, isolation: { worker, steps, network } }) => {
        return `${kind} is of the ${performer}, its worker ${worker}, its steps ${steps}, their network ${network}`
      })
  })
}

const never = ['accept-claimed-steps', 'accept-steps-isolation']

/** What a verdict does not say of who did the work, without an exception: the agent that alone reaches the TEE, and workers with a sandbox. */
export function notVouched({ builder, checks, exceptions }: Verdict): string[] {
  const used = exceptions.filter((name) => never.includes(name)).map((name) => `the verdict needed ${name}`)
  const unsaid = ['journal.performers', 'journal.isolation']
    .map((id) => ({ id, status: checks.find((check) => check.id === id)?.status ?? 'missing' }))
    .filter(({ status }) => status !== 'passed')
    .map(({ id, status }) => `the check ${id} is ${status}`)
  const level = builder.level === 'agent-exclusive' ? [] : [`the level is ${builder.level ?? 'unknown'}`]
  return [...used, ...unsaid, ...level]
}
