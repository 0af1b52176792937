import { parseSync } from '@swc/core'
import type { Source } from './sources.ts'

/** Casts of each file that may have some: the named places. */
export type CastList = Readonly<Record<string, number>>

/** File of the list, from the root. */
export const castListPath = 'scripts/lint/casts.json'

/**
 * Type assertions (`x as T`, `<T>x`) of every source file that has one; `as const` asserts nothing and is not counted. Only `src` is held to it:
 * an assertion there is a claim about foreign bytes that nobody checks.
 */
export function countCasts(sources: readonly Source[]): Record<string, number> {
  const counts = sources
    .filter(({ path, text }) => /^src\/.*\.ts$/.test(path) && /\bas\b|<\w/.test(text))
    .map(({ path, text }) => [path, castsIn(parseSync(text, { syntax: 'typescript', target: 'es2024' }))] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function castsIn(node: unknown): number {
  if (Array.isArray(node)) return node.reduce((sum: number, each) => sum + castsIn(each), 0)
  if (node === null || typeof node !== 'object') return 0
  const own = 'type' in node && (node.type === 'TsAsExpression' || node.type === 'TsTypeAssertion') ? 1 : 0
  return own + castsIn(Object.values(node))
}

/** More casts in a file than the list gives it; and fewer, so that what was removed cannot come back. */
export function checkCasts(counts: CastList, list: CastList): string[] {
  const paths = [...new Set([...Object.keys(counts), ...Object.keys(list)])].sort()
  return paths.flatMap((path) => {
    const [found, allowed] = [counts[path] ?? 0, list[path] ?? 0]
    if (found === allowed) return []
    return found > allowed
      ? [`${path}: ${found} type assertions (as T), allowed ${allowed}. Parse the value (zod, a type guard) instead`]
      : [`${path}: ${found} type assertions, the list still allows ${allowed}. Write it down: npm run lint -- --fix`]
  })
}

/**
 * The list after `--fix`. Each count may fall, and files may move; the sum may not rise.
 *
 * @returns null when the sum would rise
 */
export function lowered(counts: CastList, list: CastList): CastList | null {
  const sum = (of: CastList): number => Object.values(of).reduce((total, count) => total + count, 0)
  return sum(counts) <= sum(list) ? counts : null
}
