/**
 * `node tools/localrun/index.ts WORKFLOW [--event NAME] [--input K=V]… [--env K=V]… [--secret K=V]… [--directory DIR]`
 * runs a workflow file of this repository through the real `dist/` entries, without GitHub. It is a test bed, not GitHub's runner.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runWorkflow } from './run.ts'

const usage = `Usage: node tools/localrun/index.ts WORKFLOW [options]

Runs a workflow of this repository on this machine, through dist/ as GitHub's runner would.

  --event NAME      event that starts it (default: workflow_dispatch)
  --input K=V       workflow input; may be repeated
  --env K=V         variable for every step; may be repeated
  --secret K=V      secret; may be repeated, is masked
  --repository OWNER/REPO=DIR
                    folder of another repository that "uses:" names at a commit; may be repeated
  --directory DIR   scratch folder (default: a new one in the system's temp)
  --summary FILE    write the job summaries (Markdown) there
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    event: { type: 'string', default: 'workflow_dispatch' },
    input: { type: 'string', multiple: true, default: [] },
    env: { type: 'string', multiple: true, default: [] },
    secret: { type: 'string', multiple: true, default: [] },
    repository: { type: 'string', multiple: true, default: [] },
    directory: { type: 'string' },
    summary: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})

const pairs = (list: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    list.map((item) => {
      const at = item.indexOf('=')
      if (at <= 0) throw new Error(`${item} is not K=V`)
      return [item.slice(0, at), item.slice(at + 1)]
    }),
  )

const workflow = positionals[0]
if (values.help === true || workflow === undefined) {
  process.stdout.write(usage)
  process.exit(values.help === true ? 0 : 2)
}
const result = await runWorkflow({
  workflow,
  repository: resolve(import.meta.dirname, '../..'),
  repositories: pairs(values.repository),
  directory: values.directory === undefined ? mkdtempSync(join(tmpdir(), 'localrun-')) : resolve(values.directory),
  event: values.event,
  inputs: pairs(values.input),
  env: pairs(values.env),
  secrets: pairs(values.secret),
  node: process.execPath,
  show: (line) => console.log(line),
})
for (const [id, job] of Object.entries(result.jobs)) {
  console.log(`${id}: ${job.result}`)
  for (const [name, value] of Object.entries(job.outputs)) console.log(`  ${name}=${value}`)
}
if (values.summary !== undefined)
  writeFileSync(
    values.summary,
    Object.values(result.jobs)
      .map((j) => j.summary)
      .join('\n'),
  )
process.exitCode = result.result === 'success' ? 0 : 1
