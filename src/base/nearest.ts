/**
 * The known name that a mistyped one most likely means: at most two letters inserted, left out or replaced, and fewer than its own length.
 *
 * @returns null where none is that near
 */
export function nearest(typed: string, known: readonly string[]): string | null {
  let best: { name: string; distance: number } | null = null
  for (const name of known) {
    if (Math.abs(name.length - typed.length) > 2) continue
    const distance = editDistance(typed, name)
    if (distance <= 2 && distance < typed.length && distance < (best?.distance ?? 3)) best = { name, distance }
  }
  return best?.name ?? null
}

/** The remedy for a value that is none of the allowed ones: `Did you mean json? Use one of: json, text.` */
export function useOneOf(typed: string, allowed: readonly string[], count: 'one' | 'some' = 'one'): string {
  const near = nearest(typed, allowed)
  return `${near === null ? '' : `Did you mean ${near}? `}Use ${count} of: ${allowed.join(', ')}.`
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
