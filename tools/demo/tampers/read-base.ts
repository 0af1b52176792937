import { VerificationError } from '../../../src/base/errors.ts'
import { evidenceMediaTypes } from '../../../src/journal/evidence-bundle.ts'
import { parseJournal, type EventDraft } from '../../../src/journal/event.ts'
import type { Descriptor, Store } from '../../../src/oci/types.ts'
import { readClaims, signedBy } from '../../../src/verify/statements.ts'
import { readEvidence } from '../../../src/verify/evidence.ts'
import { plainForms } from '../../../src/verify/journal-roles.ts'
import type { ChainBase } from '../../../testkit/chain.ts'

/** What a published image was forged of, so to say: its events, statements and claims, to be signed anew by another key. */
export async function readBase(store: Store, subject: Descriptor): Promise<ChainBase> {
  const { claims } = await readClaims(store, subject)
  for (const { digest } of await store.referrers(subject.digest, evidenceMediaTypes.index)) {
    const evidence = await readEvidence(store, digest, subject.digest)
    const mine = claims.filter((claim) => signedBy(claim, evidence.key.pem))
    if (!mine.some(({ kind }) => kind === 'provenance')) continue
    const events = parseJournal(evidence.journal)
    const drafts: EventDraft[] = events
      .filter(({ kind }) => kind !== 'job' && kind !== 'statement')
      .map(({ v: _v, seq: _seq, prev: _prev, ...draft }) => draft)
    return {
      subject,
      plain: (plainForms(events, subject.digest, true).at(-1) ?? subject.digest) as ChainBase['plain'],
      drafts,
      payloads: mine.flatMap(({ kind, payload }) =>
        kind === null || kind === 'evidence' || kind === 'vsa' ? [] : [{ kind, payload }],
      ),
      claims: evidence.open.binding.job.claims,
    }
  }
  throw new VerificationError('missing-evidence', 'the clean run left no evidence', { subject: subject.digest })
}
