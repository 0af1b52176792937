import type { Technology } from '../../../src/base/technology.ts'
import { azureCases } from './cases-azure.ts'
import { snpCases } from './cases-snp.ts'
import { tdxCases } from './cases-tdx.ts'
import { tpmCases } from './cases-tpm.ts'
import { gapCases } from './gap-cases.ts'

/** What shows that a check refuses: a case with one fault, or a test by its file and title. */
export interface Proof {
  what: string
  file: string
}

const tables = [
  ['testkit/tee/synthetic/cases-snp.ts', snpCases],
  ['testkit/tee/synthetic/cases-tdx.ts', tdxCases],
  ['testkit/tee/synthetic/cases-tpm.ts', tpmCases],
  ['testkit/tee/synthetic/cases-azure.ts', azureCases],
  ['testkit/tee/synthetic/gap-cases.ts', gapCases],
] as const

const chain = 'test/tee/x509/synthetic.test.ts'
const logs = 'test/tee/tpm/verifier.test.ts'
const wired = 'test/tee/verifiers.test.ts'
/** A chain of that length cannot be given to its user, who cuts it to size: shown on the chain's own check. */
const anyLength = { file: chain, what: 'a pinned certificate alone, or nothing, is no chain' }
const anyPath = { file: chain, what: 'a path longer than its authority allows is refused' }

/** Proofs by tests that are no table of cases. A name may end with `*` or begin with it. */
export const elsewhere: readonly (readonly [technology: Technology, check: string, proof: Proof])[] = [
  ['snp', 'chain-length', anyLength],
  ['tdx', '*-length', anyLength],
  ['tdx', '*-path-length', anyPath],
  ['tdx', 'event-log', { file: wired, what: 'an event log that is none' }],
  [
    'tdx',
    'event-log-digests',
    { file: 'test/tee/differential/logs.test.ts', what: 'a CCEL without SHA-384 is refused' },
  ],
  ['tdx', 'replay *', { file: wired, what: 'an event log in another order' }],
  ['tdx', 'register', { file: wired, what: 'an own log that is shorter than the event log' }],
  ['tdx', 'runtime-log', { file: wired, what: 'an own log that is cut' }],
  ['tpm', 'event-log', { file: logs, what: 'with a log that is no log is refused' }],
  ['tpm', 'ima-log', { file: logs, what: 'with a log that is no log is refused' }],
  ['tpm', 'replay *', { file: logs, what: 'of another boot are refused, and give no facts' }],
  [
    'az-snp-vtpm',
    'technology',
    { file: 'test/tee/azure/azure.test.ts', what: 'is refused with a foreign member and under the other technology' },
  ],
]

/** Checks that only ever say what was read: what cannot be read fails under the other name. */
const failsAs: Readonly<Record<string, string>> = { 'report-form': 'form' }

/**
 * All proofs of one check. Azure's verifiers run the code of the processor inside and of the TPM: its proofs count for them.
 *
 * @param check as in the table of clauses, with its `*`
 */
export function proofsOf(technology: Technology, check: string): Proof[] {
  const name = failsAs[check] ?? check
  const found = [
    ...tables.flatMap(([file, cases]) =>
      cases
        .filter((one) => one.technology === technology)
        .filter(({ expectedCheck, echoes = [] }) => [expectedCheck, ...echoes].some((failed) => fits(name, failed)))
        .map(({ name: what }) => ({ what, file })),
    ),
    ...elsewhere
      .filter(([of, pattern]) => of === technology && (fits(pattern, name) || fits(name, pattern)))
      .map(([, , proof]) => proof),
  ]
  const inner = /^(snp|tdx): (.+)$/.exec(name)
  if (inner !== null) return proofsOf(inner[1] as 'snp' | 'tdx', inner[2] ?? '')
  if (found.length > 0) return found
  if (technology === 'az-tdx-vtpm') return proofsOf('az-snp-vtpm', name)
  return technology === 'az-snp-vtpm' ? proofsOf('tpm', name) : []
}

/** Whether a name with at most one `*` covers another name. */
function fits(pattern: string, name: string): boolean {
  if (pattern === name) return true
  const [before = '', after] = pattern.split('*')
  return after !== undefined && name.length >= pattern.length && name.startsWith(before) && name.endsWith(after)
}
