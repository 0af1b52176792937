import { z } from 'zod'
import { mostEntries } from '../claims/report-values.ts'
import { formsOf } from './forms.ts'
import { sha256Descriptor, text } from './values.ts'

const names = z.array(text).max(mostEntries)

/** in-toto test-result v0.1 (in-toto attestation predicates), with a member of ours for skipped tests. */
export const testResultForms = formsOf((form) =>
  form.object({
    result: z.enum(['PASSED', 'WARNED', 'FAILED']),
    configuration: z
      .array(form.strict ? sha256Descriptor(form) : z.unknown())
      .max(1024)
      .describe('The report, by digest'),
    passedTests: form.always(names),
    warnedTests: form.always(names),
    failedTests: form.always(names),
    skippedTests: names.optional().describe('Tests that neither passed nor failed'),
  }),
)
