import { makeStatement } from '../../statement/statement.ts'
import { requirePublished, type Rule } from './context.ts'

/** cosign/sign/v1: for what this job built or encrypted. */
export const sign: Rule = ({ events, subject }) => {
  requirePublished(events, subject)
  return makeStatement('sign', { digest: subject }, {})
}
