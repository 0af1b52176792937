import { InputError } from '../../base/errors.ts'
import { glob } from '../../base/glob.ts'
import { useOneOf } from '../../base/nearest.ts'
import type { NodeFacts } from '../graph/describe.ts'

/** What attached manifests are chosen by. */
export interface Filter {
  /** Empty takes all. */
  readonly include: readonly string[]
  /** Wins over `include`. */
  readonly exclude: readonly string[]
}

/** One rule of `include` or `exclude`, as docs/promote.md lists them. */
export type FilterRule =
  | {
      readonly kind: 'type' | 'predicate' | 'signer' | 'any'
      readonly fits: (name: string) => boolean
      readonly text: string
    }
  | {
      readonly kind: 'annotation'
      readonly key: string
      readonly fits: (name: string) => boolean
      readonly text: string
    }

export interface FilterRules {
  readonly include: readonly FilterRule[]
  readonly exclude: readonly FilterRule[]
  /** How many of a kind go along, newest first; null for all. */
  readonly newest: number | null
}

/** What a rule looks at. */
export interface Filtered {
  readonly artifactType: string | null
  /** `.sig` or `.att` of a manifest under such a tag. */
  readonly suffix: string | null
  readonly annotations: Readonly<Record<string, string>>
  readonly facts: Pick<NodeFacts, 'kind' | 'type' | 'signers'>
}

const words = ['type', 'predicate', 'signer', 'annotation', 'newest'] as const
/** Predicate types are URIs of these schemes, so such a text is a type and no word. */
const uri = /^(?:https?|urn):/

/**
 * Reads the rules of `include` and `exclude`.
 *
 * @throws InputError `input-invalid` for an empty rule, an unknown word, or a rule that its list does not take
 */
export function parseFilter({ include, exclude }: Filter): FilterRules {
  const newest = include.flatMap((text) => newestOf(text) ?? [])
  if (newest.length > 1) throw invalid('include', '`newest` is given twice', 'Give it once.')
  const misplaced = exclude.find((text) => newestOf(text) !== null)
  if (misplaced !== undefined)
    throw invalid('exclude', `${JSON.stringify(misplaced)} limits what goes along`, 'Give it as `include`.')
  return {
    include: include.filter((text) => newestOf(text) === null).map((text) => ruleOf('include', text)),
    exclude: exclude.map((text) => ruleOf('exclude', text)),
    newest: newest[0] ?? null,
  }
}

/** The rule that decides against a manifest, in words; null where it goes along. */
export function filteredOut({ include, exclude }: FilterRules, item: Filtered): string | null {
  const against = exclude.find((rule) => matches(rule, item))
  if (against !== undefined) return `excluded by ${JSON.stringify(against.text)}`
  return include.length === 0 || include.some((rule) => matches(rule, item)) ? null : 'no rule of `include` takes it'
}

/** The rules of `exclude` that fit none of the items, as they were written: what somebody meant to leave behind goes along. */
export function unusedRules({ exclude }: FilterRules, items: readonly Filtered[]): string[] {
  return exclude.filter((rule) => !items.some((item) => matches(rule, item))).map(({ text }) => text)
}

function matches(rule: FilterRule, { artifactType, suffix, annotations, facts }: Filtered): boolean {
  const some = (...names: (string | null)[]): boolean => names.some((name) => name !== null && rule.fits(name))
  switch (rule.kind) {
    case 'type':
      return some(artifactType)
    case 'predicate':
      return facts.kind === 'statement' && some(facts.type)
    case 'signer':
      return some(...facts.signers)
    case 'annotation':
      return Object.hasOwn(annotations, rule.key) && some(annotations[rule.key] ?? null)
    case 'any':
      return some(artifactType, facts.type, facts.kind, suffix)
  }
}

function newestOf(text: string): number | null {
  const found = /^newest:(.*)$/s.exec(text)?.[1]
  if (found === undefined) return null
  if (/^[1-9][0-9]{0,4}$/.test(found)) return Number(found)
  throw invalid('include', `${JSON.stringify(text)} has no number of 1 or more`, 'Write newest:3.')
}

function ruleOf(input: 'include' | 'exclude', text: string): FilterRule {
  if (text === '')
    throw invalid(
      input,
      'a rule is empty',
      'Use an artifact type, a predicate type, or .sig or .att; * stands for any text.',
    )
  const word = uri.test(text) ? undefined : /^([A-Za-z-]+)[:=]/.exec(text)?.[1]
  if (word === undefined) return { kind: 'any', fits: glob(text), text }
  const rest = text.slice(word.length + 1)
  if (text[word.length] === '=') throw invalid(input, `${JSON.stringify(text)} is not a rule`, `Write ${word}:${rest}.`)
  const kind = words.find((one) => one === word)
  if (kind === undefined || kind === 'newest')
    throw invalid(input, `${JSON.stringify(word)} is not a kind of rule`, useOneOf(word, words))
  if (rest === '') throw invalid(input, `${JSON.stringify(text)} names nothing`, `Write ${kind}:PATTERN.`)
  if (kind !== 'annotation') return { kind, fits: glob(rest), text }
  const at = rest.indexOf('=')
  if (at < 1)
    throw invalid(
      input,
      `${JSON.stringify(text)} has no KEY=VALUE`,
      'Write annotation:KEY=VALUE; * stands for any text.',
    )
  return { kind, key: rest.slice(0, at), fits: glob(rest.slice(at + 1)), text }
}

function invalid(subject: string, message: string, remedy: string): InputError {
  return new InputError('input-invalid', `${subject}: ${message}`, { subject, remedy })
}
