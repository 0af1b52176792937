import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { technologies, type Technology } from '../../src/base/technology.ts'
import { clauseTables } from '../../src/tee/verify/clauses.ts'
import { proofsOf } from '../../testkit/tee/synthetic/proofs.ts'
import type { DifferentialReport } from '../../tools/differential/report.ts'
import type { FuzzReport } from '../../tools/fuzz/report.ts'
import { cell, table } from './tables.ts'
import { differentialSection, fuzzSection } from './verifier-runs.ts'

/** What was found by reading a peer's source, where it was not run. */
interface Read {
  technology: Technology
  check: string
  peer: string
  note: string
}

/** docs/verifier.md: each check with clause and proof, what peers miss, and the figures of the runs. */
export function verifierPage(root: string): string {
  const data = (path: string): unknown => JSON.parse(readFileSync(join(root, path), 'utf8'))
  const differential = data('tools/differential/data/report.json') as DifferentialReport
  const fuzz = data('tools/fuzz/data/tee.json') as FuzzReport
  const read = data('tools/differential/data/read.json') as Read[]
  const sections = technologies.map((technology) => technologySection(technology, differential, read))
  return [intro(differential), ...sections, differentialSection(differential), fuzzSection(fuzz)].join('\n\n') + '\n'
}

function intro({ peers }: DifferentialReport): string {
  return `<!-- Made by npm run docs from src/tee/verify/clauses, the tables of negatives and the data of the two runs. Do not edit. -->
# What the verifiers check

\`sealwright tee verify --json\` gives these checks in order, each with its clause. One that fails refuses the evidence; later ones still run
where they can. For each there is a negative: evidence with one fault, made by a synthetic PKI, that fails at this check and (but for echoes of
the same fault) at no other. A test fails when a check has none.

**Missed by**: a program that accepted at least one such fault, signed anew and with its roots named to it, when it was run
(${peers.map(({ peer, version }) => `${peer} ${version}`).join(', ')}). *(read)* means found in its source, not run. An empty field means that no miss is known, not
that there is none: go-tdx-guest can be asked only about what needs no collateral, and Trustee and tinfoil were not run here.`
}

function technologySection(technology: Technology, report: DifferentialReport, read: readonly Read[]): string {
  const rows = Object.entries(clauseTables[technology])
    .filter(([name]) => !/^(snp|tdx): /.test(name))
    .map(([name, [clause, what]]) => [
      `\`${name}\``,
      cell(what),
      cell(clause),
      shownBy(technology, name),
      missedBy(technology, name, report, read),
    ])
  const inner = { 'az-snp-vtpm': 'snp', 'az-tdx-vtpm': 'tdx' }[technology as string]
  const more =
    inner === undefined
      ? ''
      : `\n\nBetween \`hardware\` and \`var-data\` stand all checks of \`${inner}\`, each with \`${inner}: \` before its name.`
  return `## ${technology}\n\n${table([['Check', 'Looks at', 'Clause', 'Shown by', 'Missed by'], ...rows])}${more}`
}

function shownBy(technology: Technology, check: string): string {
  const proofs = proofsOf(technology, check)
  const [first] = proofs
  if (first === undefined) return ''
  const more = proofs.length === 1 ? '' : `, and ${proofs.length - 1} more`
  return `${cell(first.what)}${more} (\`${first.file.replace(/^test\/tee\//, '')}\`)`
}

function missedBy(
  technology: Technology,
  check: string,
  { faults }: DifferentialReport,
  read: readonly Read[],
): string {
  const run = faults
    .filter((fault) => fault.technology === technology && fault.check === check)
    .flatMap(({ what, seen }) => Object.entries(seen).flatMap(([peer, yes]) => (yes ? [] : [`${peer}: ${cell(what)}`])))
  const found = read
    .filter((one) => one.technology === technology && one.check === check)
    .map(({ peer, note }) => `${peer} *(read)*: ${cell(note)}`)
  return [...run, ...found].join('; ')
}
