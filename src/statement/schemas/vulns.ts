import { z } from 'zod'
import { mostEntries } from '../claims/report-values.ts'
import { formsOf } from './forms.ts'
import { text, time } from './values.ts'

/** in-toto vulns v0.2 (in-toto attestation predicates). */
export const vulnsForms = formsOf(({ object }) =>
  object({
    scanner: object({
      uri: text.min(1),
      version: text.optional(),
      db: object({ uri: text.optional(), version: text.optional(), lastUpdate: time.optional() }).optional(),
      result: z
        .array(
          object({
            id: text.min(1).describe('CVE, GHSA or the id of the scanner'),
            severity: z.array(object({ method: text, score: text })).max(256),
            annotations: z
              .array(z.record(z.string(), z.unknown()))
              .max(1024)
              .optional()
              .describe('Each with one member: `package`, `alias` or `fixed-in`'),
          }),
        )
        .max(mostEntries),
    }),
    metadata: object({ scanStartedOn: time, scanFinishedOn: time }),
  }),
)
