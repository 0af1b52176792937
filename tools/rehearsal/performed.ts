import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isObject, parseJson } from '../../src/base/json.ts'
import { evidenceMediaTypes } from '../../src/journal/evidence-bundle.ts'
import { parseJournal, type EventKind, type JournalEvent } from '../../src/journal/event.ts'

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

/** What is not as it must be at `agent-exclusive`: each required event is the agent's word, done by a worker under a user of its own. */
export function notPerformed(events: readonly JournalEvent[]): string[] {
  return needed.flatMap((kind) => {
    const of = events.filter((event) => event.kind === kind)
    if (of.length === 0) return [`the journal has no ${kind} event`]
    return of
      .filter(({ performer, isolation }) => performer !== 'agent' || isolation.worker !== 'own-user')
      .map(({ performer, isolation }) => `${kind} is of the ${performer}, its worker ${isolation.worker}`)
  })
}
