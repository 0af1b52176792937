/** `npm run differential -- archives`. See {@link usage}. */
import { parseArgs } from 'node:util'
import { features } from './features.ts'
import { archivePeers, runArchives } from './runs.ts'
import { isGood, takenShare, tell } from './tally.ts'

const usage = `usage: npm run differential -- archives [--seed N] [--tar-go N] [--tar-umoci N] [--tar-buildah N]

Reads generated archives and images with our reader, with Go's archive/tar (entry by entry), and as umoci and buildah unpack them (path by path).
Ends with 1 when an archive is read otherwise, when one is refused that all readers take alike, or when less than half are taken.
The first archives of every seed have one feature each; the default counts take less than a minute, the full ones are \`npm run soak\`.`

if (process.argv.includes('--help')) {
  console.log(usage)
  process.exit()
}
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    seed: { type: 'string', default: '1' },
    'tar-go': { type: 'string', default: '10000' },
    'tar-umoci': { type: 'string', default: String(features.length + 100) },
    'tar-buildah': { type: 'string', default: '20' },
  },
})
let good = true
for (const peer of archivePeers) {
  const count = Number(values[peer])
  if (count === 0) continue
  // Few images of buildah: what one feature does alone, umoci has shown; its slice is one of mixtures.
  const from = count < features.length ? features.length : 0
  const tally = await runArchives(peer, { seed: Number(values.seed), count, from })
  console.log(`${tell(tally)}; ${Math.round(100 * takenShare(tally))} % taken`)
  for (const { index, features: used, why } of tally.findings.slice(0, 20))
    console.log(`FINDING ${peer} ${index} (${used.join(', ')}):\n      ${why}`)
  good &&= isGood(tally) && tally.cases > 0
}
process.exitCode = good ? 0 : 1
