import type { MachineResult } from '../measured-boot/machine.ts'
import { compareRegisters, type Registers } from '../measured-boot/predict.ts'
import { differing, type Judged } from './judge.ts'
import type { Machine } from './machines.ts'

/** One machine with the gate's answers. */
export interface Round {
  machine: Machine
  /** What the policy expects: the prediction of the first image. */
  predicted: Registers
  /** By the policy that pins the first image. */
  byFirst: Judged
  /** The control: by a policy that differs only in pinning this machine's own image. */
  byOwn: Judged
  seconds: MachineResult['seconds']
}

/** What is not as it must be; empty when the rehearsal is a success. */
export function failures(rounds: readonly Round[]): string[] {
  return rounds.flatMap(({ machine, predicted, byFirst, byOwn }, i) => {
    const wrong: string[] = []
    const registers = differing(predicted, byFirst)
    if (!byOwn.verdict.verified)
      wrong.push(`${machine.title}: refused by its own prediction: ${byOwn.failed.join(', ')}`)
    if (i === 0 && registers.length > 0) wrong.push(`${machine.title}: other values in ${registers.join(', ')}`)
    if (i > 0 && byFirst.verdict.verified) wrong.push(`${machine.title}: accepted`)
    if (i > 0 && !byFirst.failed.includes('machine.measurement'))
      wrong.push(`${machine.title}: not refused for its measurement, but for ${byFirst.failed.join(', ')}`)
    if (i > 0 && byFirst.failed.some((id) => !id.startsWith('machine.')))
      wrong.push(`${machine.title}: refused for more than its machine: ${byFirst.failed.join(', ')}`)
    return wrong
  })
}

/** The verdicts as Markdown. Values of foreign origin are hex, ids and names of ours. */
export function writePage(rounds: readonly Round[], policy: string, manifest: string): string {
  return [
    '## Verdicts\n',
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
    '## Registers of the machine that was predicted\n',
    registerTable(rounds),
    '## What the verdict on it says\n',
    verdictTable(rounds),
    '## Policy\n',
    `\`\`\`yaml\n${policy}\`\`\`\n`,
    '## Time\n',
    table(
      ['machine', 'until init runs', 'all', 'processor time of the emulator'],
      rounds.map(({ machine, seconds }) => [
        machine.title,
        `${seconds.boot} s`,
        `${seconds.all} s`,
        `${seconds.processor.toFixed(0)} s`,
      ]),
    ),
    '## Image\n',
    imageTable(manifest),
  ].join('\n')
}

function answer({ verdict }: Judged): string {
  return verdict.verified ? '**accepted**' : `**refused**: ${verdict.reasons.join(', ')}`
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
        'content.inventory',
      ].map((id) => [id, why(id)]),
    ],
  )
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
