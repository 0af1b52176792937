import type { SbomDocument } from '../documents/model.ts'
import { weights } from './change-list.ts'
import { addChange, causeOf, leaveOut, silent, type Context } from './context.ts'
import type { Pairing } from './packages.ts'

/** Level L4: edges between packages that both sides have, all in one direction. Edges of a package that only one side has follow from level L1. */
export function compareRelationships(context: Context, { names }: Pairing): void {
  const [a, b] = [context.a.document, context.b.document]
  if (a === null || b === null) return
  const [left, right] = [edgesOf(a, names[0]), edgesOf(b, names[1])]
  const kinds = [...new Set([...left.keys(), ...right.keys()])].sort()
  for (const kind of kinds) {
    const [here, there] = [left.get(kind), right.get(kind)]
    // One engine's document without any edge of a kind lost them; another engine may just not know them.
    if (!(context.engines.same && context.engines.sameFormat) && (here === undefined || there === undefined)) {
      leaveOut(context, 'relationships', `edges of type ${kind}`, silent(here !== undefined, there !== undefined) ?? '')
      continue
    }
    for (const edge of here ?? []) if (there?.has(edge) !== true) addEdge(context, 'removed', edge)
    for (const edge of there ?? []) if (here?.has(edge) !== true) addEdge(context, 'added', edge)
  }
}

function addEdge(context: Context, op: 'added' | 'removed', edge: string): void {
  const side = op === 'added' ? 'B' : 'A'
  const [before, after] = op === 'added' ? [null, {}] : [{}, null]
  const reason = `only ${side} has the relationship`
  addChange(
    context,
    { level: 'relationships', op, key: edge, before, after, cause: causeOf(context), reason },
    weights.rest,
  )
}

/** Edges by type, as `from type to` with the keys of packages. */
function edgesOf({ relationships }: SbomDocument, names: ReadonlyMap<string, string | null>): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>()
  for (const { from, type, to, detail } of relationships) {
    const [one, other] = [names.get(from), names.get(to)]
    // Ids of the subject and of files are not among the packages.
    if (one === undefined || other === undefined || one === null || other === null || one === other) continue
    const word = type === 'other' ? (detail ?? type).toLowerCase() : type
    const set = edges.get(word) ?? new Set()
    edges.set(word, set)
    set.add(`${one} ${word} ${other}`)
  }
  return edges
}
