import type { JsonObject } from '../../base/json.ts'
import { standingOf, type Finding, type ImageFacts, type Judgement } from '../../guests/types.ts'
import { formatPlatform } from '../../image/platforms.ts'
import type { CommandResult } from '../command.ts'

const words = { reads: 'reads', 'not-checked': 'not checked', fails: 'fails' } as const

/** The judgements as outputs and as text. It is refused unless every reader reads the image. */
export function guestResult(image: ImageFacts, judgements: readonly Judgement[]): CommandResult {
  const refused = judgements.some(({ standing }) => standing !== 'reads')
  return { outputs: outputsOf(image, judgements, !refused), text: textOf(image, judgements), refused }
}

function outputsOf(image: ImageFacts, judgements: readonly Judgement[], read: boolean): JsonObject {
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
