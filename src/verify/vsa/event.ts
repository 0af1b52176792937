import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { roles, type EventFacts } from '../../journal/event.ts'
import { mediaTypes, type Descriptor, type Store } from '../../oci/types.ts'
import type { Verdict } from '../types.ts'

/** Media type of a stored verdict. */
export const verdictMediaType = 'application/vnd.sealwright.verdict.v1+json'
const policyMediaType = 'application/vnd.sealwright.policy.v1+json'

export interface VsaPlace {
  store: Store
  subject: Descriptor
}

/**
 * Facts of a verification for the journal, a refused one included. Of an index that passed each manifest is named, since each of them passed.
 *
 * @param index that was named, where one of its manifests was judged: who signed the index alone vouches for the manifest through it
 */
export function verifyEvent(
  verdict: Verdict,
  { store, subject }: { store: Pick<Store, 'identity'>; subject: Descriptor },
  index: Descriptor | null = null,
): EventFacts {
  const digest = sha256(jcs(verdict))
  return {
    kind: 'verify',
    inputs: [
      { role: roles.image, name: store.identity, digest: subject.digest, mediaType: subject.mediaType },
      { role: roles.policy, name: 'policy', digest: verdict.policy.digest, mediaType: policyMediaType },
      ...(index === null || index.digest === subject.digest
        ? []
        : [{ role: roles.index, name: store.identity, digest: index.digest, mediaType: index.mediaType }]),
      ...(verdict.verified ? (verdict.image.children ?? []) : []).map((child) => ({
        role: roles.child,
        name: child.platform,
        digest: child.digest,
        mediaType: mediaTypes.manifest,
      })),
    ],
    outputs: [{ role: roles.verdict, name: 'verdict', digest, mediaType: verdictMediaType }],
    result: { verified: verdict.verified, exceptions: verdict.exceptions },
  }
}
