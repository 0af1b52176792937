import { importsOf, type Source } from './sources.ts'

interface Floor {
  readonly name: string
  readonly rooms: readonly string[]
  /** May rooms of this floor import each other? (Never in circles.) */
  readonly open: boolean
}

/** DESIGN §3, from the ground up. A room is a folder of src. */
export const floors: readonly Floor[] = [
  { name: 'ground', rooms: ['base', 'encoding'], open: true },
  { name: 'artifacts', rooms: ['tar', 'oci', 'image'], open: true },
  { name: 'statements', rooms: ['statement', 'sign', 'log', 'bundle'], open: true },
  { name: 'trades', rooms: ['tee', 'sbom', 'build', 'encrypt', 'kbs', 'initdata', 'rebuild'], open: false },
  {
    name: 'chain',
    rooms: ['tasks', 'agent', 'journal', 'verify', 'deploy', 'admission', 'guests', 'kbs-server'],
    open: true,
  },
  { name: 'runner and report', rooms: ['runner', 'report'], open: false },
  { name: 'doors', rooms: ['actions', 'cli', 'doors'], open: true },
]

/** Files directly in src (the entry of the bundle) stand above all floors. */
const roof = floors.length

/** Floor and room of a file of src; null where its room is in no floor. */
export function floorOf(path: string): { floor: number; room: string } | null {
  const [, room = '', ...rest] = path.split('/')
  if (rest.length === 0) return { floor: roof, room: '' }
  const floor = floors.findIndex((f) => f.rooms.includes(room))
  return floor === -1 ? null : { floor, room }
}

/** No import upward, none between rooms of a closed floor, every room on a floor, `@actions/*` in runner only. */
export function checkFloors(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts'))
    .flatMap((source) => {
      const here = floorOf(source.path)
      if (here === null) return [`${source.path}: this room is on no floor of scripts/lint/floors.ts`]
      return importsOf(source).flatMap(({ specifier, target, line }) => {
        const complaint = target === null ? foreign(specifier, here.room) : inner(target, here)
        return complaint === null ? [] : [`${source.path}:${line}: ${complaint}`]
      })
    })
}

function foreign(specifier: string, room: string): string | null {
  return specifier.startsWith('@actions/') && room !== 'runner'
    ? `${specifier} may be imported in src/runner only`
    : null
}

function inner(target: string, here: { floor: number; room: string }): string | null {
  if (!target.startsWith('src/')) {
    return target === 'package.json' ? null : `${target} is outside of src: nothing of it would be in dist`
  }
  const there = floorOf(target)
  if (there === null) return `${target} is in a room that is on no floor`
  if (there.floor > here.floor) return `imports upward: ${target} is above ${floors[here.floor]?.name ?? 'the roof'}`
  if (there.floor === here.floor && there.room !== here.room && floors[here.floor]?.open === false) {
    return `${here.room} and ${there.room} are on the same floor and must not know each other`
  }
  return null
}
