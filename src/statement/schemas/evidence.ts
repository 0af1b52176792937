import { z } from 'zod'
import { digestSchema } from '../../oci/digest-schema.ts'
import { dispatchAttributes, evidenceAttribute } from '../evidence.ts'
import { formsOf, type Form } from './forms.ts'
import { count, sha256Descriptor, text } from './values.ts'

const ours: readonly string[] = [evidenceAttribute, ...Object.values(dispatchAttributes)]

/** The attribute of an image: where its evidence bundle is, and which key, job and machine it is about. */
function teeEvidence({ object }: Form) {
  return object({
    attribute: z.literal(evidenceAttribute),
    conditions: object({
      technology: text.min(1),
      keyId: text.min(1).describe('RFC 7638 thumbprint of the key that signed'),
      job: digestSchema.describe('SHA-256 of the job record of the binding'),
      instance: text.min(1).describe('Random id of the agent, in hexadecimal'),
    }),
    evidence: object({
      name: text.optional(),
      digest: object({
        sha256: z
          .string()
          .regex(/^[0-9a-f]{64}$/)
          .describe('Manifest of the evidence bundle'),
      }),
      mediaType: text,
      annotations: object({ artifactType: text, size: count }),
    }),
  })
}

/** Attributes of a runner image: its boot quote, and the job that it was given to (SLSA build environment track). */
function bootQuote(form: Form) {
  return form.object({
    attribute: z.literal(dispatchAttributes.boot),
    conditions: form.object({
      technology: text.min(1),
      matches: text.describe('Name of the reference values that the quote matches'),
      measured: z.json().describe('What the quote measures, by technology'),
    }),
    evidence: sha256Descriptor(form),
  })
}

function buildDispatch(form: Form) {
  return form.object({
    attribute: z.literal(dispatchAttributes.dispatch),
    conditions: form.object({
      buildId: text,
      instance: text.min(1),
      assurance: text.min(1),
      runId: text,
      runAttempt: text,
      repository: text,
      key: text.min(1).describe('RFC 7638 thumbprint of the job key'),
      bootId: text,
      jobOfBoot: count.describe('Number of the job since the machine booted'),
      boundBy: text.min(1),
    }),
    evidence: sha256Descriptor(form),
  })
}

/** An attribute of another tool. One of ours must not pass as such, or a malformed one would be accepted. */
function foreign({ object }: Form) {
  return object({
    attribute: text.min(1).refine((name) => !ours.includes(name), 'the attribute is malformed'),
    conditions: z.record(z.string(), z.unknown()).optional(),
  })
}

/** SCAI v0.3 (in-toto attestation predicates) with our attributes. */
export const evidenceForms = formsOf((form) => {
  const own = z.discriminatedUnion('attribute', [teeEvidence(form), bootQuote(form), buildDispatch(form)])
  return form.object({
    attributes: z
      .array(form.strict ? own : z.union([own, foreign(form)]))
      .min(1)
      .max(256),
    producer: form.object({ uri: text.optional() }).optional(),
  })
})
