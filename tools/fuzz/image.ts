/** `npm run fuzz -- image`. See {@link usage}. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildPeer } from '../differential/archives/peer.ts'
import { tell } from '../differential/archives/tally.ts'
import { mutated } from '../differential/archives/mutated.ts'
import { runTarGo } from '../differential/archives/tar-go.ts'

const usage = `usage: npm run fuzz -- image [--seconds S | --count N] [--seed N]

Changes valid archives and reads them with our reader and with Go's archive/tar. A crash, a hang, and anything that we take and Go reads
otherwise end with 1.

  --seconds S  a slice of S seconds (30); 1,000,000 is the full run: npm run soak -- fuzz-image`

if (process.argv.includes('--help')) {
  console.log(usage)
  process.exit()
}
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { seconds: { type: 'string' }, count: { type: 'string' }, seed: { type: 'string', default: '1' } },
})
const seed = Number(values.seed)
const seconds = values.count === undefined ? Number(values.seconds ?? 30) : Infinity
const end = performance.now() + seconds * 1000
const scratch = mkdtempSync(join(tmpdir(), 'sealwright-fuzz-'))
try {
  const until = (): boolean => performance.now() > end
  const options = { seed, count: Number(values.count ?? 1e9), until }
  const tally = await runTarGo(buildPeer(scratch), options, (index) => mutated(seed, index))
  for (const { index, features, why } of tally.findings.slice(0, 20))
    console.log(`FINDING ${index} (${features.join(', ')}):\n      ${why}`)
  console.log(`fuzz image: ${tell(tally)}`)
  process.exitCode = tally.findings.length === 0 && tally.alike > 0 ? 0 : 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
