/** `npm run registries`. See {@link usage}. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { runCarried } from './carries.ts'
import { differences, resultsPath, type Results } from './results.ts'
import { rows } from './rows.ts'
import { runMatrix } from './run.ts'

const usage = `usage: npm run registries -- [--row TEXT] [--short] [--write]

Tries our commands and those of others on registries of all kinds, and compares what they did with tools/registries/data/results.json.

  --row TEXT  only rows whose name has this text, or "carried" for what commands that copy carry over
  --short     leave out the rows that take more than seconds
  --write     keep the results of these rows, from which npm run docs makes docs/registries.md`

const { values } = parseArgs({
  options: {
    row: { type: 'string' },
    short: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}
const path = join(import.meta.dirname, resultsPath)
const lines = await runMatrix(
  ({ name, long }) => (name.includes(values.row ?? '') && !(values.short && long === true) ? 'all' : 'none'),
  ({ row, cells }, seconds) =>
    console.log(`${row.padEnd(36)} ${seconds.toFixed(1).padStart(6)} s ${JSON.stringify(cells)}`),
)
const carried = values.row === undefined || values.row === 'carried' ? await runCarried() : []
for (const { row, cells } of carried) console.log(`${row.padEnd(36)} ${JSON.stringify(cells)}`)
// Read last: another run may have written other rows meanwhile.
const kept: Results = existsSync(path)
  ? (JSON.parse(readFileSync(path, 'utf8')) as Results)
  : { lines: [], carried: [] }
if (values.write) {
  const known = new Map([...kept.lines, ...lines].map((line) => [line.row, line]))
  const all: Results = {
    lines: rows.flatMap(({ name }) => known.get(name) ?? []),
    carried: carried.length > 0 ? carried : kept.carried,
  }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(all, null, 2)}\n`)
} else {
  const wrong = [...differences(kept.lines, lines), ...differences(kept.carried, carried)]
  for (const one of wrong) console.log(`DIFFERS ${one}`)
  process.exitCode = wrong.length === 0 ? 0 : 1
}
// Agents and sockets of the commands do not hold the process.
process.exit()
