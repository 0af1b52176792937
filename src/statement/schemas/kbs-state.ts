import { z } from 'zod'
import { digestSchema } from '../../oci/digest-schema.ts'
import { formsOf } from './forms.ts'
import { text, time } from './values.ts'

/** A plan has 256 resources and 1,000 reference values at most that fit into one message; its image policy adds 65. */
const mostItems = 4096

/** State v1 of ours: what `kbs-publish` wrote to a KBS, by names and digests, so that the next job knows it. */
export const kbsStateForms = formsOf(({ object }) => {
  const digest = digestSchema.nullable()
  return object({
    kbs: text.min(1).describe('The KBS as the publisher names it'),
    plan: object({
      name: text.min(1).describe('Whose entries these are'),
      digest: digestSchema.describe('SHA-256 of the plan as it was understood'),
    }),
    serial: z.int().min(1).describe('Rises with each statement about this plan on this KBS'),
    previous: digest.describe('SHA-256 of the payload of the statement before; null for the first one'),
    writtenOn: time,
    resources: z
      .array(
        object({ uri: text.min(1), bytes: z.enum(['written', 'kept']).describe('kept: only its rule was written') }),
      )
      .max(mostItems)
      .describe('Names alone: a digest would let others guess at a secret'),
    resourcePolicy: digest.describe('SHA-256 of its text; null where it is left to its owner'),
    attestationPolicy: digest.describe('SHA-256 of the text of default_cpu; null where it was left'),
    referenceValues: z
      .array(object({ id: text.min(1), digest: digestSchema.describe('SHA-256 of the value in RFC 8785 form') }))
      .max(mostItems),
  })
})
