import { builderId } from '../../statement/builder-id.ts'
import { provenancePredicate } from '../../statement/provenance.ts'
import { makeStatement } from '../../statement/statement.ts'
import { buildRecord } from './build-record.ts'
import type { Rule } from './context.ts'

/** Provenance: for what this job built, or the encrypted form of it. */
export const provenance: Rule = (context) => {
  const { record, digest } = buildRecord(context)
  const { assurance, instance, claims } = context.job
  return makeStatement(
    'provenance',
    { digest: context.subject },
    provenancePredicate({
      record,
      recordDigest: digest,
      job: { assurance, instance, claims },
      builderId: builderId(context.technology),
      version: context.version,
    }),
  )
}
