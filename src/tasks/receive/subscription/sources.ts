import { glob } from '../../../base/glob.ts'
import { InputError } from '../../../base/errors.ts'
import type { Ports } from '../../../base/ports.ts'
import { isAttachedTag } from '../../../oci/digest.ts'
import { openStore } from '../../../oci/open.ts'
import { formatReference, parseReference } from '../../../oci/reference.ts'
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

/** Tags by patterns or versions. @throws InputError `input-invalid` */
export function tagFilter(tags: readonly string[]): (tag: string) => boolean {
  const rules = tags.map((text) =>
    text.startsWith('semver:') ? versionRange(text.slice('semver:'.length)) : glob(text),
  )
  return (tag) => !isAttachedTag(tag) && (rules.length === 0 || rules.some((fits) => fits(tag)))
}

/**
 * Repositories of an entry and where each of them goes.
 *
 * @throws InputError `input-invalid` for a pattern without a list, one without its counterpart, or one that no repository fits
 */
export function matchRepositories({ from, to, repositories }: SourcePattern): FoundSource[] {
  const stars = from.split('*').length - 1
  if (stars === 0) {
    if (to.includes('*'))
      throw invalid('to', `${JSON.stringify(to)} has a *, and \`from\` has none`, 'Write it without *.')
    return [{ from, to }]
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
  const found = repositories.filter(fits).map((name) => ({
    from: name,
    to: to.replace('*', () => name.slice(before.length, name.length - after.length)),
  }))
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
 * @throws InputError `reference-invalid`, TransportError
 */
export async function matchTags(
  { from, to }: FoundSource,
  tags: readonly string[],
  ports: Ports,
): Promise<FoundSource[]> {
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
  const fits = tagFilter(tags)
  const there = (await openStore(source, ports).tags()).filter(fits).sort()
  return there.map((tag) => ({ from: formatReference({ ...source, tag }), to: formatReference({ ...target, tag }) }))
}

function invalid(subject: string, message: string, remedy: string): InputError {
  return new InputError('input-invalid', `${subject}: ${message}`, { subject, remedy })
}
