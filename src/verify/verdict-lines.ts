import { acceptanceNames, acceptances } from './policy/accept.ts'
import { originInWords, promotedInWords } from './origin.ts'
import { purgedWords } from './status/purged.ts'
import type { Verdict } from './types.ts'

/** How `unlessAccepted` ends the sentence of a failure that a line of the policy would accept. */
const lacks = / \(the policy has no (accept-[a-z-]+)\)$/

/**
 * A verdict for a terminal: one line for each failed check, with the policy line that would accept it, and one for each exception that was
 * used; first `built by …, admitted by …` for an image that others built, and what promotion records say. The lines quote foreign text: whoever prints them escapes them.
 */
export function verdictLines(
  verdict: Pick<Verdict, 'checks' | 'exceptions'> & Partial<Pick<Verdict, 'origin' | 'job'>>,
): string[] {
  const { checks, exceptions } = verdict
  const origin = originInWords(verdict)
  const failures = checks
    .filter(({ status }) => status === 'failed')
    .map(({ id, reason, why }) => {
      const wanted = lacks.exec(why)?.[1]
      const known = acceptanceNames.find((name) => name === wanted)
      if (known === undefined) return `${reason ?? id}: ${why}`
      const line = known === 'accept-steps-isolation' ? known : `${known}: true`
      return `${reason ?? id}: ${why.replace(lacks, '')}. The policy line "${line}" would accept this`
    })
  const used = acceptanceNames
    .filter((name) => exceptions.includes(name))
    .map((name) => `exception used: ${name}: ${acceptances[name]}`)
  // Of an archived image whoever reads only these lines has to know that nobody looked into it.
  const archived = checks
    .filter(({ status, why }) => status === 'accepted' && why.startsWith(purgedWords))
    .map(({ why }) => why)
  return [
    ...new Set(archived),
    ...(origin === null ? [] : [`built by ${origin.built}; admitted by ${origin.admitted}`]),
    ...[promotedInWords(verdict)].filter((line) => line !== ''),
    ...new Set(failures),
    ...used,
  ]
}
