import { z } from 'zod'
import { vsaExtensions } from '../vsa.ts'
import { formsOf } from './forms.ts'
import { sha256Descriptor, sha256Hex, text, time } from './values.ts'

/** SLSA verification summary v1 (slsa.dev/spec/v1.2/verification_summary) with our extension members, which are named by URI. */
export const vsaForms = formsOf((form) => {
  const { object, always, strict } = form
  return object({
    verifier: object({ id: text.min(1), version: always(z.record(z.string(), text)) }),
    timeVerified: time,
    resourceUri: text.min(1).describe('Name and digest of the image; `oci:` and the digest for an OCI layout'),
    policy: object({ uri: always(text), digest: object({ sha256: sha256Hex.describe('Digest of the policy file') }) }),
    inputAttestations: always(z.array(sha256Descriptor(form)).max(4096)),
    // A summary that failed is read, so that it is refused for what it says.
    verificationResult: strict ? z.literal('PASSED') : z.enum(['PASSED', 'FAILED']),
    verifiedLevels: z
      .array(text.min(1))
      .min(strict ? 1 : 0)
      .max(256),
    slsaVersion: always(text),
    [vsaExtensions.builder]: always(text.min(1).describe('Builder id as the gate verified it')),
    [vsaExtensions.exceptions]: always(
      z.array(text).max(4096).describe('Lines of the policy that relaxed a check and were needed'),
    ),
    [vsaExtensions.expires]: time.optional().describe('Do not admit by this summary after this time'),
  })
})
