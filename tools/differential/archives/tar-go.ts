import { generate, type Made } from './generate.ts'
import { ourEntries, ourTree } from './ours.ts'
import { TarPeer } from './peer.ts'
import { emptyTally, type Tally } from './tally.ts'

const batch = 200

export interface RunOptions {
  seed: number
  /** How many archives, from number `from` on. */
  count: number
  from?: number | undefined
  /** True once no new archives are to be made. */
  until?: (() => boolean) | undefined
  tell?: ((tally: Tally) => void) | undefined
}

/** Reads generated archives with us and with Go's archive/tar, entry by entry. @param make gives archive number `index` */
export async function runTarGo(
  peer: { program: string; version: string },
  options: RunOptions,
  make: (index: number) => Made = (index) => generate(options.seed, index, 1),
): Promise<Tally> {
  const { seed, count, from = 0 } = options
  const tally = emptyTally('archive/tar', peer.version, seed)
  const go = new TarPeer(peer.program)
  try {
    for (let at = from; at < from + count && options.until?.() !== true; at += batch) {
      const made = Array.from({ length: Math.min(batch, from + count - at) }, (_, n) => make(at + n))
      const archives = made.map(({ layers }) => layers[0] ?? Buffer.alloc(0))
      const asking = go.ask(archives)
      const ours = []
      for (const archive of archives) {
        ours.push(await ourEntries(archive))
        // Whatever it holds, the tree of it is made or refused.
        await ourTree([archive])
      }
      const theirs = await asking
      for (const [n, { features, mustTake }] of made.entries()) {
        const [mine, answer] = [ours[n], theirs[n]]
        if (mine === undefined || answer === undefined) throw new Error('an answer is missing')
        tally.cases++
        const finding = (why: string): void => void tally.findings.push({ index: at + n, features, why })
        if ('refused' in mine) {
          tally.refused[mine.refused] = (tally.refused[mine.refused] ?? 0) + 1
          if (mustTake) finding(`we refuse what all readers take alike: ${mine.refused}`)
        } else if (answer.startsWith('"')) {
          // We would describe an archive that no engine unpacks: harmless, but never meant.
          tally.peerRefused++
          finding(`we read what Go refuses: ${answer}`)
        } else if (answer === JSON.stringify(mine.read)) tally.alike++
        else finding(`ours  ${JSON.stringify(mine.read)}\n      theirs ${answer}`)
      }
      options.tell?.(tally)
    }
  } finally {
    go.close()
  }
  return tally
}
