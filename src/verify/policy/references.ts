import { VerificationError } from '../../base/errors.ts'
import { openReferenceValues } from '../../tee/reference/envelope.ts'
import type { ReferenceValues } from '../../tee/reference/values.ts'
import type { Resolved } from './files.ts'
import { windowOf, type Window } from '../../base/window.ts'

/** What one machine image measures to on one shape of machine, and what its maker says that this covers. */
export interface Reference {
  /** As the verdict names it. */
  name: string
  technology: ReferenceValues['technology'] | null
  values: Record<string, string>
  covers: readonly string[]
  storage: 'sealed' | 'exposed'
  level: 'agent-exclusive' | 'machine-only'
  bootJobs: number
  /** Names of values that no hardware has confirmed yet, by the maker's own word. */
  experimental: readonly string[]
  window: Window
}

/** A file of reference values that does not count, and why. */
export interface BrokenReference {
  file: string
  error: VerificationError
}

/**
 * All reference values of a policy: those of signed files first, then its own `measurements`, in order. A file whose signature does not hold is
 * kept as broken: the gate refuses by it, and says which it is.
 */
export function readReferences(resolved: Resolved): { references: Reference[]; broken: BrokenReference[] } {
  const references: Reference[] = []
  const broken: BrokenReference[] = []
  for (const { file, content, keys } of resolved['reference-values'] ?? []) {
    try {
      const { document } = openReferenceValues(Buffer.from(content), keys, file)
      references.push(...rowsOf(document, file))
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      broken.push({ file, error })
    }
  }
  for (const item of resolved.measurements ?? []) {
    references.push({
      name: item.name ?? Object.keys(item.values).join(', '),
      technology: null,
      values: item.values,
      covers: item.covers,
      storage: item.storage,
      level: item.level,
      bootJobs: item['boot-jobs'] ?? 1,
      experimental: [],
      window: windowOf(item),
    })
  }
  return { references, broken }
}

function rowsOf(document: ReferenceValues, file: string): Reference[] {
  return document.values.map(({ shape, measured }) => {
    const of = Object.entries(shape).flatMap(([name, value]) => (value === '' ? [] : [`${name} ${value}`]))
    return {
      name: `${document.name}${of.length === 0 ? '' : ` (${of.join(', ')})`} of ${file}`,
      technology: document.technology,
      values: measured,
      covers: document.covers,
      storage: document.storage,
      level: document.level,
      bootJobs: document['boot-jobs'] ?? 1,
      experimental: (document.experimental ?? []).filter((name) => Object.hasOwn(measured, name)),
      window: windowOf(document),
    }
  })
}
