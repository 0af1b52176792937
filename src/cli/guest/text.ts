import type { JsonObject } from '../../base/json.ts'
import { standingOf, type Finding, type ImageFacts, type Judgement } from '../../guests/types.ts'
import type { Step } from '../../guests/play/step.ts'
import { formatPlatform } from '../../image/platforms.ts'
import type { CommandResult } from '../command.ts'

const words = { reads: 'reads', 'not-checked': 'not checked', fails: 'fails' } as const

/** The judgements as outputs and as text. It is refused unless every reader reads the image, and no step of a guest fails. */
export function guestResult(
  image: ImageFacts,
  judgements: readonly Judgement[],
  steps: readonly Step[] = [],
): CommandResult {
  const refused =
    judgements.some(({ standing }) => standing !== 'reads') || steps.some(({ outcome }) => outcome === 'failed')
  const head = judgements.length === 0 ? `${image.reference} for ${formatPlatform(image.platform)}\n` : ''
  const text = `${judgements.length === 0 ? head : textOf(image, judgements)}${stepsText(steps)}`
  return { outputs: outputsOf(image, judgements, steps, !refused), text, refused }
}

function stepsText(steps: readonly Step[]): string {
  if (steps.length === 0) return ''
  const words = { passed: 'passed', failed: 'failed', 'not-known': 'not known' } as const
  const lines = steps.flatMap(({ step, of, outcome, why, remedy }) => [
    `  ${words[outcome].padEnd(9)}  ${step} ${of}: ${why}`,
    ...(remedy === undefined || outcome === 'passed' ? [] : [`             → ${remedy}`]),
  ])
  const failed = steps.filter(({ outcome }) => outcome === 'failed').length
  const open = steps.filter(({ outcome }) => outcome === 'not-known').length
  const total =
    failed > 0
      ? `would not run it: ${failed} of ${steps.length} steps fail`
      : open > 0
        ? `could run it, as far as ${steps.length - open} of ${steps.length} steps are known`
        : 'would run it'
  return ['', `A guest ${total}`, ...lines, ''].join('\n')
}

function outputsOf(
  image: ImageFacts,
  judgements: readonly Judgement[],
  steps: readonly Step[],
  read: boolean,
): JsonObject {
  return {
    image: image.reference,
    platform: formatPlatform(image.platform),
    read: read ? 'true' : 'false',
    readers: judgements.map(({ reader, title, standing, by, findings }) => ({
      reader,
      title,
      standing,
      by: { ...by },
      findings: findings.map((finding) => ({ ...finding })),
    })),
    ...(steps.length === 0 ? {} : { steps: steps.map(({ remedy = null, ...step }) => ({ ...step, remedy })) }),
  }
}

/** One line for each reader; its first reason stands behind it, all others and the remedies below. */
function textOf(image: ImageFacts, judgements: readonly Judgement[]): string {
  const width = Math.max(...judgements.map(({ reader }) => reader.length))
  const common = commonNotes(judgements)
  const lines = judgements.flatMap(({ reader, standing, by, findings }) => {
    const { first, rest } = ordered(findings.filter((finding) => !common.has(finding.why)))
    const why = first === undefined ? '' : `: ${first.why}`
    const indent = ' '.repeat(width + 2)
    return [
      `${reader.padEnd(width)}  ${words[standing]} (${by.kind === 'model' ? 'model of' : 'real program'} ${by.of})${why}`,
      ...remedyLines(first, indent),
      ...rest.flatMap((finding) => [
        `${indent}${finding.effect === 'note' ? 'note' : 'also'}: ${finding.why}`,
        ...remedyLines(finding, indent),
      ]),
    ]
  })
  const count = (standing: Judgement['standing']): number =>
    judgements.filter((judgement) => judgement.standing === standing).length
  const total = `${count('reads')} of ${judgements.length} read it, ${count('fails')} fail, ${count('not-checked')} could not be checked`
  const shared = [...common].map(
    ([why, readers]) => `note for ${readers.length === judgements.length ? 'all' : readers.join(', ')}: ${why}`,
  )
  return [`${image.reference} for ${formatPlatform(image.platform)}: ${total}`, ...lines, ...shared, ''].join('\n')
}

/** Notes without a remedy that concern several readers, which are printed once: the text, and the readers. */
function commonNotes(judgements: readonly Judgement[]): Map<string, string[]> {
  const readers = new Map<string, string[]>()
  for (const { reader, findings } of judgements)
    for (const { effect, why, remedy } of findings)
      if (effect === 'note' && remedy === null) readers.set(why, [...(readers.get(why) ?? []), reader])
  return new Map([...readers].filter(([, names]) => names.length > 1))
}

function ordered(findings: readonly Finding[]): { first: Finding | undefined; rest: Finding[] } {
  const standing = standingOf(findings)
  const weight = { fails: 0, 'not-checked': 1, note: 2 } as const
  const [first, ...rest] = [...findings].sort((a, b) => weight[a.effect] - weight[b.effect])
  return standing === 'reads' ? { first: undefined, rest: [...findings] } : { first, rest }
}

function remedyLines(finding: Finding | undefined, indent: string): string[] {
  return finding?.remedy === undefined || finding.remedy === null ? [] : [`${indent}→ ${finding.remedy}`]
}
