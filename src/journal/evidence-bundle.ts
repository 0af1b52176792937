import { z } from 'zod'
import { VerificationError } from '../base/errors.ts'
import { parseJcs } from '../encoding/jcs.ts'
import { technologies } from '../base/technology.ts'
import { digestSchema } from './event.ts'
import type { Digest } from '../oci/types.ts'

/** Media types of the raw evidence bundle: an OCI manifest of its own, a referrer of the image (TRUST §3). */
export const evidenceMediaTypes = {
  /** artifactType of the manifest and media type of its first layer, the index below. */
  index: 'application/vnd.sealwright.evidence.v1+json',
  binding: 'application/vnd.sealwright.binding.v1+json',
  /** JCS bytes of a `TeeEvidence`. */
  tee: 'application/vnd.sealwright.tee-evidence.v1+json',
  journal: 'application/vnd.sealwright.journal.v1+jsonl',
  token: 'application/jwt',
} as const

/**
 * First layer of the bundle: says which of the other layers is what, by digest. `reports` begin with the open report; each further one
 * is a seal whose binding's `previous` is the digest of the binding before. The last seal closes the journal.
 */
export const evidenceIndexSchema = z.strictObject({
  v: z.literal(1),
  technology: z.enum(technologies),
  reports: z
    .array(z.strictObject({ role: z.enum(['open', 'seal']), binding: digestSchema, evidence: digestSchema }))
    .min(2)
    .max(64),
  journal: digestSchema,
  token: digestSchema.nullable(),
})
export type EvidenceIndex = z.infer<typeof evidenceIndexSchema>

/** One document of the bundle with its bytes. */
export interface EvidenceDocument {
  mediaType: string
  digest: Digest
  bytes: Buffer
}

/** What a seal gives: the index and every document that it names. */
export interface EvidenceBundle {
  index: EvidenceIndex
  documents: EvidenceDocument[]
}

/** @throws VerificationError `evidence-invalid` */
export function parseEvidenceIndex(bytes: Uint8Array): EvidenceIndex {
  try {
    return evidenceIndexSchema.parse(parseJcs(bytes, 'evidence index'))
  } catch (cause) {
    throw new VerificationError('evidence-invalid', 'the evidence index is not a version 1 index', {
      subject: 'evidence',
      cause,
    })
  }
}
