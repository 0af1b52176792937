/** By UTF-16 code units, as no locale changes it. */
export function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Values by key, in the order of the keys; values of one key in the order in which they came. */
export function group<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const name = key(item)
    const held = groups.get(name)
    if (held === undefined) groups.set(name, [item])
    else held.push(item)
  }
  return new Map([...groups].sort(([a], [b]) => order(a, b)))
}
