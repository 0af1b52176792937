import type { MachineResult } from '../measured-boot/machine.ts'
import { compareRegisters, type Registers } from '../measured-boot/predict.ts'
import { differing, type Judged } from './judge.ts'
import type { Machine } from './machines.ts'
import { notPerformed, notVouched, requiredEvents } from './performed.ts'
import type { JournalEvent } from '../../src/journal/event.ts'

/** One machine with the gate's answers. */
export interface Round {
  machine: Machine
  /** What the policy expects: the prediction of the first image. */
  predicted: Registers
  /** By the policy that pins the first image. */
  byFirst: Judged
  /** The control: by a policy that differs only in pinning this machine's own image. */
  byOwn: Judged
  /** What the job's agent says was done, and by whom. */
  events: readonly JournalEvent[]
  seconds: MachineResult['seconds']
}

/** What the image's self-test said from inside, of what its reference values claim. */
export interface SelfTest {
  'agent-exclusive': boolean
  'storage-sealed': boolean
  'build-sandbox': boolean
  checks: { name: string; claim: string; ok: boolean; why: string }[]
}

/** All that a rehearsal found. */
export interface Findings {
  /** When and where it ran, in one sentence. */
  about: string
  rounds: readonly Round[]
  selfTest: SelfTest
  /** Of the plain image, as built in the guest and once more outside. */
  digests: { inside: string; outside: string }
}

/** What the rehearsal's image must hold. */
const claimsOfImage = ['agent-exclusive', 'storage-sealed', 'build-sandbox'] as const

/** What is not as it must be; empty when the rehearsal is a success. */
export function failures({ rounds, selfTest, digests }: Findings): string[] {
  const claims = claimsOfImage
    .filter((claim) => selfTest[claim] !== true)
    .map((claim) => `the image's own self-test says that ${claim} does not hold`)
  const rebuilt =
    digests.inside === digests.outside && digests.inside !== '' ? [] : ['the example built outside has another digest']
  return [...claims, ...rebuilt, ...rounds.flatMap((round, i) => roundFailures(round, i))]
}

function roundFailures({ machine, predicted, byFirst, byOwn, events }: Round, i: number): string[] {
  const wrong = [...notPerformed(events), ...notVouched(byOwn.verdict)].map((what) => `${machine.title}: ${what}`)
  const registers = differing(predicted, byFirst)
  if (!byOwn.verdict.verified) wrong.push(`${machine.title}: refused by its own prediction: ${byOwn.failed.join(', ')}`)
  if (i === 0 && registers.length > 0) wrong.push(`${machine.title}: other values in ${registers.join(', ')}`)
  if (i > 0 && byFirst.verdict.verified) wrong.push(`${machine.title}: accepted`)
  if (i > 0 && !byFirst.failed.includes('machine.measurement'))
    wrong.push(`${machine.title}: not refused for its measurement, but for ${byFirst.failed.join(', ')}`)
  if (i > 0 && byFirst.failed.some((id) => !id.startsWith('machine.')))
    wrong.push(`${machine.title}: refused for more than its machine: ${byFirst.failed.join(', ')}`)
  return wrong
}

/** The verdicts as Markdown. Values of foreign origin are hex, ids and names of ours. */
export function writePage({ about, rounds, selfTest, digests }: Findings, policy: string, manifest: string): string {
  return [
    `${about}\n`,
    '### Verdicts\n',
    table(
      [
        'machine',
        'what differs',
        'verdict',
        'checks that failed',
        'registers that differ',
        'control: by its own prediction',
      ],
      rounds.map(({ machine, predicted, byFirst, byOwn }) => [
        machine.title,
        machine.difference,
        answer(byFirst),
        list(byFirst.failed),
        list(differing(predicted, byFirst)),
        answer(byOwn),
      ]),
    ),
    ...rounds.flatMap(({ machine, byFirst }) => refusal(machine, byFirst)),
    '### Registers of the machine that was predicted\n',
    registerTable(rounds),
    '### What the verdict on it says\n',
    verdictTable(rounds),
    '### Who did the work, as the journal says\n',
    eventTable(rounds),
    `The same source, built once more outside of the guest: \`${digests.outside}\`, ${digests.inside === digests.outside ? 'the digest that the guest signed' : `**not** ${digests.inside}`}.\n`,
    '### Self-test of the image, from inside\n',
    table(
      ['check', 'for the claim', 'holds', 'why'],
      selfTest.checks
        .filter(({ claim }) => claimsOfImage.some((own) => own === claim))
        .map(({ name, claim, ok, why }) => [name, claim, ok ? 'yes' : '**no**', why]),
    ),
    '### Policy\n',
    `\`\`\`yaml\n${policy}\`\`\`\n`,
    '### Time\n',
    table(
      ['machine', 'until init runs', 'all', 'processor time of the machine'],
      rounds.map(({ machine, seconds }) => [
        machine.title,
        `${seconds.boot} s`,
        `${seconds.all} s`,
        `${seconds.processor.toFixed(0)} s`,
      ]),
    ),
    '### Image\n',
    imageTable(manifest),
  ].join('\n')
}

function answer({ verdict }: Judged): string {
  return verdict.verified ? '**accepted**' : `**refused**: ${verdict.reasons.join(', ')}`
}

/** What the gate says of a machine that it refused, in its own words. */
function refusal({ title }: Machine, { verdict }: Judged): string[] {
  const lines = verdict.checks
    .filter(({ status }) => status === 'failed')
    .map(({ id, reason, why }) => `* \`${id}\` (${reason ?? 'no reason'}): ${why}`)
  return lines.length === 0 ? [] : [`The gate on “${title}”:\n\n${lines.join('\n')}\n`]
}

function registerTable(rounds: readonly Round[]): string {
  const [first] = rounds
  if (first === undefined) return ''
  const quoted = first.byFirst.verdict.machine?.measured ?? {}
  return table(
    ['register', 'predicted before the boot', 'quoted after it'],
    compareRegisters(first.predicted, quoted).map(({ name, equal }) => [
      name,
      `\`${first.predicted[name] ?? ''}\``,
      equal ? 'equal' : `**\`${quoted[name] ?? 'missing'}\`**`,
    ]),
  )
}

function verdictTable(rounds: readonly Round[]): string {
  const verdict = rounds[0]?.byFirst.verdict
  if (verdict === undefined) return ''
  const count = (status: string): number => verdict.checks.filter((check) => check.status === status).length
  const why = (id: string): string => verdict.checks.find((check) => check.id === id)?.why ?? ''
  return table(
    ['', ''],
    [
      ['builder', `${verdict.builder.id} (${verdict.builder.level ?? 'no level'})`],
      [
        'checks',
        `${count('passed')} passed, ${count('accepted')} accepted by name, ${count('skipped')} not applicable, ${count('failed')} failed`,
      ],
      ['exceptions', list(verdict.exceptions)],
      ...[
        'machine.measurement',
        'machine.level',
        'machine.storage',
        'machine.register',
        'machine.same',
        'journal.chain',
        'journal.performers',
        'journal.isolation',
        'content.inventory',
      ].map((id) => [id, why(id)]),
    ],
  )
}

function eventTable(rounds: readonly Round[]): string {
  const rows = rounds.flatMap(({ machine, events }) =>
    requiredEvents(events).map(({ kind, performer, isolation: { worker, steps, network } }) => {
      return [machine.title, kind, performer, worker, steps, network]
    }),
  )
  return table(['machine', 'event', 'performer', 'worker', 'steps', 'network of the steps'], rows)
}

function imageTable(manifest: string): string {
  const { uki, parts, packages } = JSON.parse(manifest) as {
    uki: string
    parts: Record<string, string>
    packages: { name: string; version: string }[]
  }
  return table(
    ['part', 'digest or version'],
    [['uki', uki], ...Object.entries(parts), ...packages.map(({ name, version }) => [`package ${name}`, version])],
  )
}

const list = (words: readonly string[]): string => (words.length === 0 ? 'none' : words.join(', '))

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |\n`
  return `${line(header)}${line(header.map(() => '---'))}${rows.map(line).join('')}`
}
