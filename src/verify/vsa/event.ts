import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { roles, type EventFacts } from '../../journal/event.ts'
import type { Descriptor, Store } from '../../oci/types.ts'
import type { Verdict } from '../types.ts'

/** Media type of a stored verdict. */
export const verdictMediaType = 'application/vnd.sealwright.verdict.v1+json'
const policyMediaType = 'application/vnd.sealwright.policy.v1+json'

export interface VsaPlace {
  store: Store
  subject: Descriptor
}

/** Facts of a verification for the journal, a refused one included. */
export function verifyEvent(
  verdict: Verdict,
  { store, subject }: { store: Pick<Store, 'identity'>; subject: Descriptor },
): EventFacts {
  const digest = sha256(jcs(verdict))
  return {
    kind: 'verify',
    inputs: [
      { role: roles.image, name: store.identity, digest: subject.digest, mediaType: subject.mediaType },
      { role: roles.policy, name: 'policy', digest: verdict.policy.digest, mediaType: policyMediaType },
    ],
    outputs: [{ role: roles.verdict, name: 'verdict', digest, mediaType: verdictMediaType }],
    result: { verified: verdict.verified, exceptions: verdict.exceptions },
  }
}
