import { z } from 'zod'
import { mostEntries } from '../claims/report-values.ts'
import { formsOf } from './forms.ts'
import { text, time } from './values.ts'

const name = z.union([
  text.min(1),
  z.looseObject({ name: text.optional(), '@id': text.optional(), aliases: z.array(text).max(256).optional() }),
])

/**
 * An OpenVEX document (OpenVEX v0.2.0; older documents name a vulnerability by a text). The document is signed as its author wrote it, so
 * unknown members are kept in both forms.
 */
export const openvexForms = formsOf(({ always }) =>
  z.looseObject({
    '@context': always(text.min(1)),
    author: always(text.min(1)),
    timestamp: time,
    last_updated: time.optional(),
    statements: z
      .array(
        z.looseObject({
          vulnerability: name,
          status: z.enum(['not_affected', 'affected', 'fixed', 'under_investigation']),
          products: z
            .array(
              z.looseObject({
                '@id': text.optional(),
                identifiers: z.record(z.string(), z.unknown()).optional(),
                hashes: z.record(z.string(), z.unknown()).optional(),
                subcomponents: z
                  .array(
                    z.looseObject({
                      '@id': text.optional(),
                      identifiers: z.record(z.string(), z.unknown()).optional(),
                    }),
                  )
                  .max(4096)
                  .optional(),
              }),
            )
            .max(4096)
            .optional(),
        }),
      )
      .min(1)
      .max(mostEntries),
  }),
)
