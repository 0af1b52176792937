/** `npm run soak -- NAME`. See {@link usage}. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'
import { soaks } from './names.ts'
import type { SoakRecord } from './report.ts'

const usage = `usage: npm run soak -- NAME [--count N] [--seed N] [--write]

Long runs, made in full once by whoever builds what they try; CI runs a slice of each.
Names: ${Object.entries(soaks)
  .map(([name, { full, what }]) => `\n  ${name.padEnd(12)} ${full} ${what}`)
  .join('')}

  --count N  fewer than the full run
  --write    keep the result in tools/soak/data, from which npm run docs makes docs/soak.md`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const [name = ''] = positionals
const soak = soaks[name]
if (values.help || soak === undefined) {
  console.log(usage)
  process.exit(values.help ? 0 : 2)
}
const root = resolve(import.meta.dirname, '../..')
const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
const commit = git('rev-parse', '--short=12', 'HEAD')
const count = Number(values.count ?? soak.full)
const begin = performance.now()
let told = begin
const result = await soak.run({
  seed: Number(values.seed),
  count,
  tell(done) {
    if (performance.now() - told < 60_000) return
    told = performance.now()
    console.error(`${Math.round((told - begin) / 1000)} s: ${done} of ${count}`)
  },
})
for (const finding of result.findings.slice(0, 50)) console.log(`FINDING ${finding}`)
const seconds = Math.round((performance.now() - begin) / 1000)
console.log(`soak ${name}: ${result.text}; ${seconds} s, seed ${values.seed}, commit ${commit}`)
if (values.write) {
  const record: SoakRecord = {
    name,
    what: soak.what,
    count,
    full: soak.full,
    seed: Number(values.seed),
    seconds,
    good: result.good,
    result: result.text,
    date: new Date().toISOString().slice(0, 10),
    commit,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
  }
  const path = join(root, `tools/soak/data/${name}.json`)
  mkdirSync(join(root, 'tools/soak/data'), { recursive: true })
  writeFileSync(path, await format(JSON.stringify(record), { ...(await resolveConfig(path)), filepath: path }))
}
process.exitCode = result.good ? 0 : 1
