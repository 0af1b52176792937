import { z } from 'zod'
import { digestSchema } from '../../oci/digest-schema.ts'
import { promotionClasses } from '../promotion.ts'
import { formsOf } from './forms.ts'
import { text, time } from './values.ts'

/** Manifests that a record names: an image has 100,000 attached ones at most. */
const mostItems = 100_000

/** Promotion v1 of ours: the receiver's word that an image passed its policy and was copied. */
export const promotionForms = formsOf(({ object, always, strict }) => {
  const place = object({
    name: text.min(1).describe('Repository; `localhost/` and the name of the folder for an OCI layout'),
    tag: text.min(1).optional(),
  })
  const item = { digest: digestSchema, type: text.describe('Predicate type, artifact type, or kind of manifest') }
  return object({
    promotedOn: time,
    from: place,
    to: place,
    policy: object({ digest: digestSchema.describe('Digest of the policy that source and copy passed') }),
    verdict: object({
      digest: digestSchema.describe('SHA-256 of the verdict in RFC 8785 form'),
      builder: text.min(1).describe('Builder id as the gate verified it'),
      signers: always(z.array(text).max(4096).describe('Thumbprints or hints of the keys that vouched for the image')),
      exceptions: always(z.array(text).max(4096).describe('Lines of the policy that relaxed a check and were needed')),
    }),
    copied: always(z.array(object(item)).max(mostItems)),
    leftBehind: always(z.array(object({ ...item, reason: text })).max(mostItems)),
    environment: always(text.min(1).nullable().describe('What the receiver allows the image for')),
    class: always((strict ? z.enum(promotionClasses) : text).nullable()),
    supersedes: always(
      z
        .array(digestSchema)
        .max(4096)
        .describe('Manifests of statements of the publisher that the receiver replaces by its own'),
    ),
  })
})
