/** `npm run fuzz -- sbom`. See {@link usage}. */
import { parseArgs } from 'node:util'
import { Cases } from './sbom/cases.ts'
import { unreached } from './sbom/reach.ts'
import { fuzzSbom } from './sbom/run.ts'
import { allSeeds } from './sbom/seeds.ts'
import { isGood, tell } from './sbom/tally.ts'

const usage = `usage: npm run fuzz -- sbom [--seconds S | --count N | --case N] [--seed N] [--threads N]

Changes package databases, lock files, programs, archives, models and SBOM documents, and gives them to our catalogers and readers; what is read
is described, written, read again, scored and compared. A crash, a hang, a second reading that differs, a document that is not valid by its
schema, and a change of what every object inherits end with 1.

  --seconds S  a slice of S seconds (45); 1,000,000 is the full run: npm run soak -- fuzz-sbom
  --case N     one case, with all that is wrong`

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    seconds: { type: 'string' },
    count: { type: 'string' },
    case: { type: 'string' },
    seed: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
if (values.help) {
  console.log(usage)
} else if (values.case !== undefined) {
  const { name, outcome, why } = await new Cases().run(seed, Number(values.case))
  console.log(`${name}: ${outcome}\n${why}`)
  process.exitCode = outcome === 'FINDING' ? 1 : 0
} else {
  const seconds = values.count === undefined ? Number(values.seconds ?? 45) : Infinity
  const end = performance.now() + seconds * 1000
  const until = (): boolean => performance.now() > end
  const count = Number(values.count ?? 1e9)
  const tally = await fuzzSbom({ seed, count, threads: Number(values.threads), until })
  for (const { index, name, why } of tally.findings.slice(0, 20))
    console.log(`FINDING ${index} (${name}):\n      ${why}`)
  const missing = unreached(allSeeds())
  if (missing.length > 0) console.log(`no seed gives a package of ${missing.join(', ')}`)
  console.log(`fuzz sbom: ${tell(tally)}`)
  process.exitCode = isGood(tally) && missing.length === 0 ? 0 : 1
}
