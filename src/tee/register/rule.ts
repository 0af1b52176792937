import { VerificationError } from '../../base/errors.ts'
import type { RegisterVerdict } from '../types.ts'
import { readAgentStart, readJournalHead, type AgentStart, type JournalHead } from './record.ts'

/** The register as one report shows it, and the journal that the report's binding names. */
export interface RegisterAtReport {
  register: RegisterVerdict
  journal: JournalHead
}

/**
 * The rule of the runtime register: exactly one `agent-start`, at the beginning, of this key and job; after it journal heads that only grow,
 * the last of them the one that the binding names; each later report's records begin with all of the earlier one's.
 *
 * @param reports in the order of the bundle: open, then the seals
 * @returns what is wrong, in words; empty when all holds
 */
export function registerFindings(reports: readonly RegisterAtReport[], expected: AgentStart): string[] {
  return reports.flatMap(({ register, journal }, n) => {
    const which = n === 0 ? 'open' : `seal ${n}`
    const before = reports[n - 1]?.register
    return [...ownRecords(register, journal, expected), ...(before === undefined ? [] : prefix(before, register))].map(
      (why) => `${which}: ${why}`,
    )
  })
}

function ownRecords({ records }: RegisterVerdict, journal: JournalHead, expected: AgentStart): string[] {
  const [first, ...later] = records
  if (first?.operation !== 'agent-start') return ['the records do not begin with agent-start']
  const findings: string[] = []
  try {
    const start = readAgentStart(first)
    if (start.key !== expected.key) findings.push(`agent-start names the key ${start.key}, not ${expected.key}`)
    if (start.job !== expected.job) findings.push(`agent-start names another job: ${start.job}`)
    const starts = later.filter(({ operation }) => operation === 'agent-start').length
    if (starts > 0) findings.push(`${starts + 1} agents started on this register in one boot`)
    const heads = later.filter(({ operation }) => operation !== 'agent-start').map(readJournalHead)
    if (heads.some(({ count }, n) => count <= (heads[n - 1]?.count ?? 0))) findings.push('journal counts do not grow')
    const last = heads.at(-1)
    if (last?.head !== journal.head || last.count !== journal.count) {
      findings.push(
        `the last record names ${last === undefined ? 'no journal' : `${last.head} of ${last.count} events`}, the binding ${journal.head} of ${journal.count}`,
      )
    }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    findings.push(error.message)
  }
  return findings
}

/** The later register extends the earlier one: same register, same foreign events, and its records begin with the earlier ones. */
function prefix(before: RegisterVerdict, after: RegisterVerdict): string[] {
  const key = ({ name, foreign, records }: RegisterVerdict, count: number): string =>
    JSON.stringify([name, foreign, records.slice(0, count)])
  const { length } = before.records
  const grows = after.records.length >= length && key(before, length) === key(after, length)
  return grows ? [] : ['its records do not begin with those of the report before']
}
