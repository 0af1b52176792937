import type { Technology } from '../../base/technology.ts'
import { azureClauses } from './clauses/azure.ts'
import { snpClauses } from './clauses/snp.ts'
import type { Clause, ClauseTable } from './clauses/table.ts'
import { tdxClauses } from './clauses/tdx.ts'
import { tpmClauses } from './clauses/tpm.ts'

export type { Clause }

/** Each check that a verifier can note, in order, with the clause that it comes from. */
export const clauseTables: Readonly<Record<Technology, ClauseTable>> = {
  snp: snpClauses,
  tdx: tdxClauses,
  'az-snp-vtpm': azureClauses('snp', snpClauses),
  'az-tdx-vtpm': azureClauses('tdx', tdxClauses),
  tpm: tpmClauses,
  sample: {
    technology: ['TRUST §5', 'The evidence is of this technology.'],
    form: ['coco.md §3', 'Exactly svn "1" and report_data, without documents.'],
    'report-data': ['coco.md §3; TRUST §2', 'The report data is the expected value. Nobody signed it.'],
  },
}

/** Checks that a door adds to a verdict, whatever the technology (src/tee/formats/judge.ts). */
const doorClauses: ClauseTable = {
  binding: ['TRUST §2', 'The binding beside the evidence hashes to the expected value.'],
  'trailing-bytes': ['tee.md §2, §3', 'Bytes behind the report, which nobody signed, are all zero.'],
}

/** The clause of one check; null for a name that no verifier has, which a test shows to be none. */
export function clauseOf(technology: Technology, check: string): Clause | null {
  const table = clauseTables[technology]
  const exact = Object.hasOwn(table, check) ? table[check] : undefined
  const found = exact ?? (Object.hasOwn(doorClauses, check) ? doorClauses[check] : undefined)
  const entry = found ?? Object.entries(table).find(([name]) => matches(name, check))?.[1]
  return entry === undefined ? null : { clause: entry[0], what: entry[1] }
}

function matches(name: string, check: string): boolean {
  const [before = '', after] = name.split('*')
  return after !== undefined && check.startsWith(before) && check.endsWith(after) && check.length >= name.length
}
