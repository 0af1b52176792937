import { InputError } from '../../base/errors.ts'
import type { GraphNode } from '../../oci/graph.ts'
import type { Store } from '../../oci/types.ts'
import { describeNode } from '../graph/describe.ts'

/** Which attached manifests go along, by patterns of artifact and predicate types; `*` stands for any text. */
export interface TypeFilter {
  /** Empty takes all. */
  readonly include: readonly string[]
  /** Wins over `include`. */
  readonly exclude: readonly string[]
}

/**
 * Whether an attached manifest goes along. The predicate type is read from the statement itself: annotations may lie.
 *
 * @throws InputError `input-invalid` for an empty pattern
 */
export function typeFilter(store: Store, { include, exclude }: TypeFilter): (node: GraphNode) => Promise<boolean> {
  const [included, excluded] = [include.map(pattern), exclude.map(pattern)]
  return async (node) => {
    const { type, kind } = await describeNode(store, node)
    const names = [
      node.descriptor.artifactType,
      type,
      kind,
      node.tag === null ? null : `.${node.tag.split('.').slice(1).join('.')}`,
    ]
    const matches = (rules: readonly RegExp[]): boolean =>
      rules.some((rule) => names.some((name) => typeof name === 'string' && rule.test(name)))
    return !matches(excluded) && (included.length === 0 || matches(included))
  }
}

function pattern(text: string): RegExp {
  if (text === '') {
    throw new InputError('input-invalid', 'a filter is empty', {
      subject: 'include',
      remedy: 'Use an artifact type, a predicate type, or .sig or .att; * stands for any text.',
    })
  }
  const parts = text.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'su')
}
