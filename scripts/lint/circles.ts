import { importsOf, type Source } from './sources.ts'

/**
 * Files and rooms that import each other in a circle. Types are left out, they are gone at run time; between files lazy
 * imports are left out too, since by the time they run no module is half made.
 */
export function checkCircles(sources: readonly Source[]): string[] {
  const files = new Map<string, Set<string>>()
  const rooms = new Map<string, Set<string>>()
  const parts = new Map<string, Set<string>>()
  for (const source of sources.filter(({ path }) => path.endsWith('.ts'))) {
    for (const { target, typeOnly, lazy } of importsOf(source)) {
      if (target === null || typeOnly) continue
      if (!lazy) add(files, source.path, target)
      const [from, to] = [roomOf(source.path), roomOf(target)]
      if (from !== null && to !== null && from !== to) add(rooms, from, to)
      const [part, other] = [partOf(source.path), partOf(target)]
      if (part !== null && other !== null && part !== other) add(parts, part, other)
    }
  }
  return [
    ...circles(files).map((circle) => `circle of imports: ${circle.join(' → ')}`),
    ...circles(rooms).map((circle) => `circle of rooms: ${circle.join(' → ')}`),
    ...circles(parts).map((circle) => `circle inside rooms: ${circle.join(' → ')}`),
  ]
}

function roomOf(path: string): string | null {
  return /^(src\/[^/]+)\//.exec(path)?.[1] ?? null
}

/** One action, one group of commands, one task, or a file beside them: parts of these rooms must not lean on each other in circles either. */
function partOf(path: string): string | null {
  return /^(src\/(?:actions|cli|doors|tasks)\/[^/]+?)(?:\.ts|\/.*)$/.exec(path)?.[1] ?? null
}

function add(graph: Map<string, Set<string>>, from: string, to: string): void {
  graph.set(from, (graph.get(from) ?? new Set()).add(to))
}

/** One circle for each edge that leads back (depth first, in order of names, so that the answer is always the same). */
export function circles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const found: string[][] = []
  const done = new Set<string>()
  const visit = (node: string, path: string[]): void => {
    const start = path.indexOf(node)
    if (start !== -1) {
      found.push([...path.slice(start), node])
      return
    }
    if (done.has(node)) return
    for (const next of [...(graph.get(node) ?? [])].sort()) visit(next, [...path, node])
    done.add(node)
  }
  for (const node of [...graph.keys()].sort()) visit(node, [])
  return found
}
