import { floorOf, floors } from './floors.ts'
import { importsOf, type Source } from './sources.ts'

/** Imports between the rooms of src, top floor first: `room → room (count), …`; `type` and lazy imports are counted too. */
export function graph(sources: readonly Source[]): string[] {
  const edges = new Map<string, Map<string, number>>()
  for (const source of sources.filter(({ path }) => /^src\/.+\/.*\.ts$/.test(path))) {
    const from = roomOf(source.path)
    const targets = edges.get(from) ?? new Map<string, number>()
    edges.set(from, targets)
    for (const { target } of importsOf(source)) {
      if (target === null || !target.startsWith('src/')) continue
      const to = roomOf(target)
      if (to !== from) targets.set(to, (targets.get(to) ?? 0) + 1)
    }
  }
  const level = (room: string): number => floorOf(`src/${room}/x.ts`)?.floor ?? -1
  return floors.toReversed().flatMap(({ name, rooms }, index) => [
    `floor ${floors.length - 1 - index} ${name}`,
    ...rooms
      .filter((room) => edges.has(room))
      .map((room) => {
        const below = [...(edges.get(room) ?? [])].sort(([a], [b]) => level(b) - level(a) || (a < b ? -1 : 1))
        return `  ${room} → ${below.map(([to, count]) => `${to} (${count})`).join(', ') || '–'}`
      }),
  ])
}

function roomOf(path: string): string {
  return path.split('/')[1] ?? ''
}
