import { sha256 } from '../src/base/streams.ts'
import type { EventDraft } from '../src/journal/event.ts'
import type { Digest } from '../src/oci/types.ts'

/** How an agent's own worker did an event, for journals that tests write. */
export const performed: Pick<EventDraft, 'performer' | 'code' | 'isolation'> = {
  performer: 'agent',
  code: { digest: sha256('test') as Digest, source: 'download' },
  isolation: { worker: 'own-user', steps: 'no-steps', network: 'none' },
}
