import type { JsonObject } from '../base/json.ts'
import type { Digest } from '../oci/types.ts'

export const evidenceAttribute = 'https://sealwright.dev/attribute/tee-evidence/v1'
/** Attributes of the dispatch statement of a runner image. The track names the predicate, not the attributes. */
export const dispatchAttributes = {
  boot: 'https://sealwright.dev/attribute/boot-quote/v1',
  dispatch: 'https://sealwright.dev/attribute/build-dispatch/v1',
} as const

export interface EvidenceFacts {
  /** Manifest of the raw evidence bundle, a referrer of the same image. */
  manifest: { digest: Digest; mediaType: string; artifactType: string; size: number }
  technology: string
  /** RFC 7638 thumbprint of the signing key, the one that the reports are bound to. */
  keyId: string
  jobDigest: Digest
  instance: string
}

/**
 * SCAI v0.3 (in-toto attestation predicates) that points to the raw evidence by digest. Signed after the seal, so it proves nothing of its
 * own: everything in it is checked against the evidence.
 */
export function evidencePredicate(facts: EvidenceFacts): JsonObject {
  const { manifest } = facts
  return {
    attributes: [
      {
        attribute: evidenceAttribute,
        conditions: {
          technology: facts.technology,
          keyId: facts.keyId,
          job: facts.jobDigest,
          instance: facts.instance,
        },
        evidence: {
          name: 'evidence',
          digest: { sha256: manifest.digest.slice('sha256:'.length) },
          mediaType: manifest.mediaType,
          annotations: { artifactType: manifest.artifactType, size: manifest.size },
        },
      },
    ],
  }
}
