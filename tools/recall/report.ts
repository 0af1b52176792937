import { reasons, type Reason, type Row, type Verdict } from './types.ts'

/** docs/sbom-recall.md. */
export function recallPage(verdicts: readonly Verdict[], syft: string): string {
  const sum = (of: (verdict: Verdict) => number): number => verdicts.reduce((total, one) => total + of(one), 0)
  const rows = verdicts.map((one) => [
    one.ecosystem,
    `${one.fixtures}`,
    `${one.expected}`,
    `${one.found}`,
    `${one.missing.length}`,
    `${one.extra.length}`,
  ])
  const total = [
    '**all**',
    `${sum(({ fixtures }) => fixtures)}`,
    `${sum(({ expected }) => expected)}`,
    `${sum(({ found }) => found)}`,
    `${sum(({ missing }) => missing.length)}`,
    `${sum(({ extra }) => extra.length)}`,
  ]
  const head = ['Ecosystem', 'Fixtures', 'Expected', 'Found', 'Missing', 'Only ours']
  return `<!-- Made by npm run recall -- --write. Do not edit. -->
# What the SBOM engine finds in foreign fixtures

syft ${syft} and our engine read the same files: the test data of syft's own catalogers. A row is a package in a fixture, by type, name and
version of its package URL. **Missing** is what syft lists and we do not; **only ours** is the reverse. Each of them has a reason from the
closed list below, or the run fails. At most 5 % of the rows may be missing with a reason.

- A GitHub action that is pinned to a commit is compared by the commit. syft shows the comment behind it as the version, and keeps the commit in its metadata.
- Where syft does not know a Maven group, it repeats the name in its place. Our row with a group is the same package.

${table([head, ...rows, total])}

## Rows on one side only

${differences(verdicts)}

## Reasons

${table([['Reason', 'Means'], ...Object.entries(reasons).map(([code, text]) => [`\`${code}\``, text])])}
`
}

function differences(verdicts: readonly Verdict[]): string {
  const line =
    (side: string) =>
    ({ row, reason }: { row: Row; reason: Reason | null }): string[] => [
      `${row.ecosystem}/${row.fixture}`,
      `\`${row.package}\``,
      side,
      reason === null ? 'none' : `\`${reason}\``,
    ]
  const rows = verdicts.flatMap(({ missing, extra }) => [
    ...missing.map(line('missing')),
    ...extra.map(line('only ours')),
  ])
  return rows.length === 0 ? 'None.' : table([['Fixture', 'Package', 'Side', 'Reason'], ...rows])
}

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = rows
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rest.map(line)].join('\n')
}
