import type { Rule } from './ast.ts'

/** Rules and functions that a rule can come to. */
export function needed(name: string, byName: ReadonlyMap<string, readonly Rule[]>): Set<string> {
  const found = new Set([name])
  const look = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    if ('head' in node && typeof node.head === 'string' && byName.has(node.head)) found.add(node.head)
    if ('kind' in node && node.kind === 'call' && 'name' in node && typeof node.name === 'string') found.add(node.name)
    Object.values(node).forEach(look)
  }
  // A set hears of members that are added while it is walked.
  for (const one of found) look(byName.get(one))
  return found
}
