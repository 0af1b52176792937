import { windowOf } from '../../base/window.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'
import { identityRules } from './identities.ts'
import type { Resolved } from './files.ts'
import type { Policy } from './load.ts'

/** The section `publisher` of a policy with its keys read. */
export interface PublisherRules extends Pick<Policy, 'releaseKeys' | 'identities' | 'threshold'> {
  /** Digests of policies by one of which the job must have verified the plain image. */
  verifyPolicies: readonly Digest[]
  /** Of which the publisher's provenance must name one; null where none is asked for. */
  builders: readonly string[] | null
}

export function publisherRules(section: Resolved['publisher']): PublisherRules | null {
  if (section === undefined) return null
  return {
    releaseKeys: section['release-keys'].map(({ key, ...rest }) => ({ pem: key, window: windowOf(rest) })),
    identities: identityRules(section.identities ?? []),
    threshold: section.threshold ?? 1,
    verifyPolicies: section['verify-policies'].filter(isDigest),
    builders: section.builders ?? null,
  }
}
