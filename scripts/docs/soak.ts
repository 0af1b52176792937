import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SoakRecord } from '../../tools/soak/report.ts'
import { cell, table } from './tables.ts'

/** docs/soak.md: result, commit and date of each long run. */
export function soakPage(root: string): string {
  const folder = join(root, 'tools/soak/data')
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
  const records = files.sort().map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as SoakRecord)
  const rows = records.map((record) => [
    `\`${record.name}\``,
    cell(record.what),
    `${record.count}${record.count < record.full ? ` of ${record.full}` : ''}`,
    record.good ? 'passed' : '**failed**',
    cell(record.result),
    `\`${record.commit}\``,
    record.date,
    `${record.seconds} s`,
  ])
  return `<!-- Made by npm run docs from tools/soak/data. Do not edit. -->

# Long runs

\`npm run soak -- NAME\` makes a run that is too long for every check-in; \`.ci/run\` makes a slice of each. \`--write\` keeps the result that stands
here.

${table([['Name', 'What', 'Count', 'Result', 'Figures', 'Commit', 'Date', 'Time'], ...rows])}
`
}
