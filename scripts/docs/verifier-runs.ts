import type { DifferentialReport } from '../../tools/differential/report.ts'
import type { FuzzReport } from '../../tools/fuzz/report.ts'
import { cell, table } from './tables.ts'

export function differentialSection(report: DifferentialReport): string {
  const { run, peers, disagreements, vectors } = report
  const directions = {
    'we refuse': 'We refuse what the peer accepts',
    'we accept': 'We accept what the peer refuses',
    'they crash': 'The peer ends with a panic',
  } as const
  const parts = Object.entries(directions).map(([direction, title]) => {
    const rows = disagreements
      .filter((one) => one.direction === direction)
      .map(({ peer, what, count, clause, why, example }) => [
        peer,
        direction === 'we refuse' ? `\`${cell(what)}\`` : cell(what),
        String(count),
        cell(clause),
        cell(why ?? '**unexplained**'),
        cell(example),
      ])
    const head = [
      'Peer',
      direction === 'we refuse' ? 'Our check' : 'Its words',
      'Cases',
      'Clause that decides',
      'Why',
      'For example',
    ]
    return `### ${title}\n\n${rows.length === 0 ? 'Nothing.' : table([head, ...rows])}`
  })
  const verdicts = vectors.map(({ peer, what, ours, theirs }) => [
    peer,
    cell(what),
    ours.length === 0 ? 'verified' : ours.map((name) => `\`${name}\``).join(', '),
    theirs,
  ])
  return `## Beside other verifiers

\`npm run differential\` asks us and each peer the same: every vector, changes of vectors by a seed, and synthetic worlds with one fault each. It
fails when we accept what a peer refuses and no clause says why. This run: ${run.mutations} changes a peer, seed ${run.seed}, ${run.date}; in
\`.ci/run\` fewer changes. To go-sev-guest and go-tdx-guest the moment of the run is the time; dcap-qvl takes it as a parameter.

${table([
  ['Peer', 'Version', 'Cases', 'Judged alike'],
  ...peers.map(({ peer, version, cases, alike }) => [peer, version, String(cases), String(alike)]),
])}

${parts.join('\n\n')}

### Each vector

Our failed checks; against go-tdx-guest without those that hang on collateral.

${table([['Peer', 'Vector', 'Ours', 'The peer'], ...verdicts])}`
}

export function fuzzSection({
  run,
  cases,
  flips,
  cuts,
  randoms,
  findings,
  kinds,
  targets,
  unsigned,
}: FuzzReport): string {
  const said = targets.filter(({ sameMeaning }) => sameMeaning > 0)
  return `## Changed inputs

\`npm run fuzz -- tee --full\` makes every flip of one bit and every cut of every valid quote, report, certificate and list, real and synthetic, one bit of
each field of logs and collateral, and random changes of several bytes. Accepted, crashed or hanging is a finding. ${run.full ? 'This whole run' : 'This run, **ended before its end**'}: ${cases} cases
(${flips} flips, ${cuts} cuts, ${randoms} random), seed ${run.seed}, ${run.threads} threads, ${run.seconds} s, ${run.date}, Node ${run.node}, OpenSSL ${run.openssl}, ${run.cpu}: **${findings} findings**. The slowest case is
by the wall clock of a machine that did other work.

${table([
  [
    'Kind',
    'Targets',
    'Cases',
    'Refused',
    'Accepted, says no more',
    'Accepted, outside of what is signed',
    'Slowest case',
  ],
  ...kinds.map((one) => [
    one.kind,
    ...[one.targets, one.cases, one.refused, one.sameMeaning, one.unsigned].map(String),
    `${one.slowestMs} ms`,
  ]),
])}

### Bytes that no signature covers

${table([
  ['Where', 'From byte', 'Why a change there is accepted'],
  ...unsigned.map(({ target, from, why }) => [cell(target), String(from), cell(why)]),
])}

Where one meaning has several spellings, or part of the bytes is believed by nobody, a change is accepted that says no more than the good
bytes did:

| Form | What may change |
| --- | --- |
| JSON of collateral and evidence | capital hex, blanks, escapes, order of members; \`pck_crl_issuer_chain\`, since that issuer stands in the quote |
| event logs | an event's type, data that its digest does not cover, digests of other banks, events that extend nothing |
| IMA lists | a template's name (its file is then counted as unread), what stands beside a violation |
| PCR files of tpm2-tools | unused places of C structures |
| HCL reports of Azure | the paravisor's own version; the TDREPORT, which the signed quote beside it repeats |
| TPMT_PUBLIC beside a TPM quote | its attributes, where neither a registrar’s record nor the quote’s qualified signer proves its Name; then nothing of it is told |
| ECDSA | (r, n − s) beside (r, s): the signed bytes are the same, and nobody takes a signature for an identity |

${table([
  ['Target', 'Cases', 'Accepted, says no more'],
  ...said.map(({ name, cases: all, sameMeaning }) => [cell(name), String(all), String(sameMeaning)]),
])}`
}
