import { hash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engines.ts'
import { generate } from './generate.ts'
import { writeLayout } from './layout.ts'
import { ourTree, type Line } from './ours.ts'
import { walkFolder } from './peer.ts'
import { emptyTally, type Tally } from './tally.ts'
import type { RunOptions } from './tar-go.ts'

/** Compares generated images of up to three layers with the folders that an engine unpacks. */
export async function runEngine(
  engine: Engine,
  { walker, scratch }: { walker: string; scratch: string },
  { seed, count, from = 0, tell }: RunOptions,
): Promise<Tally> {
  const tally = emptyTally(engine.name, engine.version, seed)
  const layout = join(scratch, 'layout')
  for (let index = from; index < from + count; index++) {
    const { layers, features, mustTake } = generate(seed, index, 3)
    const finding = (why: string): void => void tally.findings.push({ index, features, why })
    const mine = await ourTree(layers)
    tally.cases++
    if ('refused' in mine) {
      tally.refused[mine.refused] = (tally.refused[mine.refused] ?? 0) + 1
      if (mustTake) finding(`we refuse what all engines take alike: ${mine.refused}`)
      continue
    }
    writeLayout(layout, layers)
    let theirs: readonly Line[] = []
    const why = engine.unpack(layout, (root) => (theirs = walkFolder(walker, root) as Line[]))
    rmSync(layout, { recursive: true })
    if (why !== null) {
      tally.peerRefused++
      tally.peerWords[why] = (tally.peerWords[why] ?? 0) + 1
      if (mustTake) finding(`the engine refuses what all engines should take: ${why}`)
    } else {
      const difference = differenceOf(mine.read, theirs)
      if (difference === null) tally.alike++
      else finding(difference)
    }
    tell?.(tally)
  }
  return tally
}

/** The first path that differs. */
export function differenceOf(ours: readonly Line[], theirs: readonly Line[]): string | null {
  const [mine, other] = [byName(ours), byName(theirs)]
  for (const name of new Set([...mine.keys(), ...other.keys()])) {
    const [a, b] = [mine.get(name), other.get(name)]
    if (a !== b) return `${Buffer.from(name, 'hex').toString()}: ours ${a ?? 'nothing'}, theirs ${b ?? 'nothing'}`
  }
  return null
}

function byName(lines: readonly Line[]): Map<string, string> {
  return new Map(lines.map((line) => [line[0], JSON.stringify(shown(line))]))
}

/** A symbolic link has no mode of its own on Linux. */
function shown(line: Line): unknown[] {
  const fields: unknown[] = [...line]
  if (line[1] === 'symlink') fields[2] = 0
  // Inventories hold long values as digests.
  fields[9] = line[9].replace(
    /=([0-9a-f]{129,})/g,
    (_all, hex: string) => `=sha256:${hash('sha256', Buffer.from(hex, 'hex'))}`,
  )
  return fields
}
