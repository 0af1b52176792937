import { glob } from '../../../base/glob.ts'
import { InputError } from '../../../base/errors.ts'
import type { Ports } from '../../../base/ports.ts'
import { isAttachedTag } from '../../../oci/digest.ts'
import { openStore } from '../../../oci/open.ts'
import { formatReference, parseReference } from '../../../oci/reference.ts'
import type { Reference } from '../../../oci/types.ts'
import { versionRange } from './version-range.ts'

/** Repositories and tags of one entry. */
export interface SourcePattern {
  /** A store without tag; one `*` in the name of a registry's repository stands for any text. */
  readonly from: string
  /** Where to: its `*` becomes what that of `from` stands for. */
  readonly to: string
  /** Patterns with `*`, or `semver:RANGE`; empty for all tags. */
  readonly tags: readonly string[]
  /** `HOST/NAME`, among which the pattern of `from` chooses. */
  readonly repositories: readonly string[]
}

/** One image that a subscription names. */
export interface FoundSource {
  readonly from: string
  readonly to: string
}

/** A repository of an entry. */
export interface FoundPlace extends FoundSource {
  /** What the `*` of `from` stands for; null without one. */
  readonly part: string | null
}

/** The images of one repository, and the patterns that no tag of it fits. */
export interface FoundTags {
  readonly images: readonly FoundSource[]
  readonly unmatched: readonly string[]
}

function tagRule(text: string): (tag: string) => boolean {
  return text.startsWith('semver:') ? versionRange(text.slice('semver:'.length)) : glob(text)
}

/** Tags by patterns or versions. @throws InputError `input-invalid` */
export function tagFilter(tags: readonly string[]): (tag: string) => boolean {
  const rules = tags.map(tagRule)
  return (tag) => !isAttachedTag(tag) && (rules.length === 0 || rules.some((fits) => fits(tag)))
}

/** Whether a rule names one tag: whoever writes that expects it to be there. */
export function isLiteral(text: string): boolean {
  return !text.includes('*') && !text.startsWith('semver:')
}

/**
 * Repositories of an entry and where each of them goes.
 *
 * @throws InputError `input-invalid` for a pattern without a list, one without its counterpart, or one that no repository fits
 */
export function matchRepositories({ from, to, repositories }: SourcePattern): FoundPlace[] {
  const stars = from.split('*').length - 1
  if (stars === 0) {
    if (to.includes('*'))
      throw invalid('to', `${JSON.stringify(to)} has a *, and \`from\` has none`, 'Write it without *.')
    return [{ from, to, part: null }]
  }
  if (stars > 1) throw invalid('from', `${JSON.stringify(from)} has more than one *`, 'Write one *.')
  if (to.split('*').length !== 2)
    throw invalid(
      'to',
      `${JSON.stringify(to)} needs one *`,
      'Write a * where the part goes that the one of `from` stands for.',
    )
  if (repositories.length === 0)
    throw invalid(
      'from',
      `${JSON.stringify(from)} is a pattern, and no list of repositories was given`,
      'Name a file with one HOST/NAME a line in `repositories`.',
    )
  const [before = '', after = ''] = from.split('*')
  const fits = glob(from)
  const found = [...new Set(repositories)].filter(fits).map((name) => {
    const part = name.slice(before.length, name.length - after.length)
    return { from: name, to: to.replace('*', () => part), part }
  })
  if (found.length > 0) return found
  throw invalid(
    'from',
    `no repository of the list fits ${JSON.stringify(from)}`,
    'Check `from` and the file of `repositories`.',
  )
}

/**
 * The images of one repository that an entry takes, in the order of their tags.
 *
 * @throws InputError `reference-invalid`, `input-invalid` for a part that leads out of the place that `to` names; TransportError
 */
export async function matchTags(place: FoundPlace, tags: readonly string[], ports: Ports): Promise<FoundTags> {
  const { source, target } = parsePlace(place, ports)
  const fits = tagFilter(tags)
  const there = (await openStore(source, ports).tags()).filter((tag) => !isAttachedTag(tag)).sort()
  return {
    images: there
      .filter(fits)
      .map((tag) => ({ from: formatReference({ ...source, tag }), to: formatReference({ ...target, tag }) })),
    unmatched: (tags.length === 0 ? ['*'] : tags).filter((text) => !there.some(tagRule(text))),
  }
}

/** Source and target of a repository without tags. @throws as {@link matchTags} */
export function parsePlace({ from, to, part }: FoundPlace, ports: Ports): { source: Reference; target: Reference } {
  requireInside(from, part)
  const source = parseReference(from, ports.roots.cwd)
  const target = parseReference(to, ports.roots.cwd)
  for (const [input, { tag, digest }] of [
    ['from', source],
    ['to', target],
  ] as const)
    if (tag !== undefined || digest !== undefined)
      throw invalid(
        input,
        `${JSON.stringify(input === 'from' ? from : to)} names a tag or digest`,
        `Leave it out of \`${input}\`: \`tags\` chooses.`,
      )
  return { source, target }
}

/** A list of names may come from a registry: what `*` stands for becomes a folder of a layout, so it leads nowhere else. */
function requireInside(name: string, part: string | null): void {
  if (part === null) return
  const segments = part.split('/')
  // eslint-disable-next-line no-control-regex
  const bad = segments.find((one) => ['', '.', '..'].includes(one) || /[\\:@\u0000-\u001f\u007f]/.test(one))
  if (bad === undefined) return
  throw invalid(
    'repositories',
    `${JSON.stringify(name)} is not taken: the * of \`from\` stands for ${JSON.stringify(part)}, which is no name of a repository`,
    'Remove the line from the file of `repositories`: names have parts with / between them, none of which is empty, "." or "..".',
  )
}

function invalid(subject: string, message: string, remedy: string): InputError {
  return new InputError('input-invalid', `${subject}: ${message}`, { subject, remedy })
}
