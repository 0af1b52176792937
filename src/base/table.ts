/**
 * A table that is asked for foreign names: it holds its own entries alone, not what every object inherits (`constructor`, `toString`), which would be
 * taken for an entry.
 */
export function table<T>(entries: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  const own = { ...entries }
  Object.setPrototypeOf(own, null)
  return own
}
