import { VerificationError } from '../base/errors.ts'
import { jcs } from '../encoding/jcs.ts'
import {
  eventBytes,
  eventDigest,
  eventSchema,
  journalBytes,
  type EventDraft,
  type JournalEvent,
} from '../journal/event.ts'
import type { Digest } from '../oci/types.ts'

/** The journal of one job (TRUST §3). Grows only; event 0 names the key and the job. */
export class Journal {
  readonly #events: JournalEvent[] = []

  get events(): readonly JournalEvent[] {
    return this.#events
  }

  get head(): Digest {
    const last = this.#events.at(-1)
    if (last === undefined)
      throw new VerificationError('journal-broken', 'the journal is empty', { subject: 'journal' })
    return eventDigest(last)
  }

  bytes(): Buffer {
    return journalBytes(this.#events)
  }

  /** Appends an event; one that says the same as any before it adds none (TRUST §3) and that one is returned. */
  append(draft: EventDraft): JournalEvent {
    const wanted = meaning(draft)
    const same = this.#events.find((event) => meaning(event).equals(wanted))
    if (same !== undefined) return same
    const event = eventSchema.parse({
      v: 1,
      seq: this.#events.length,
      prev: this.#events.length === 0 ? null : this.head,
      ...draft,
    })
    // What has no canonical form must fail before it is in the journal.
    eventBytes(event)
    this.#events.push(event)
    return event
  }
}

/** With the performer: what a caller said first must not take the place of what the agent did. */
function meaning({ kind, performer, inputs, outputs, result }: EventDraft): Buffer {
  return jcs({ kind, performer, inputs, outputs, result })
}
