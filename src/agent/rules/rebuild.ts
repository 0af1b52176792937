import { rebuildPredicate } from '../../statement/rebuild.ts'
import { makeStatement } from '../../statement/statement.ts'
import { buildRecord } from './build-record.ts'
import { buildOf, mismatch, type Rule } from './context.ts'

/** Rebuild: for what was built again in this job and came out the same. Says only `same-job`. */
export const rebuild: Rule = (context) => {
  const { record, digest } = buildRecord(context)
  const { rebuilds } = buildOf(context).result
  if (typeof rebuilds !== 'number' || rebuilds < 1 || rebuilds !== record.rebuilds.count) {
    throw mismatch(context.subject, 'was not rebuilt in this job', 'Build it with rebuilds: 1 or more.')
  }
  return makeStatement('rebuild', { digest: context.subject }, rebuildPredicate(record, digest))
}
