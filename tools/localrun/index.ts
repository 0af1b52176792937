/**
 * `npm run localrun -- WORKFLOW [options]` runs a workflow file of this repository through the real `dist/` entries, without GitHub. It is a
 * test bed, not GitHub's runner.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { SealwrightError } from '../../src/base/errors.ts'
import { startIssuer } from './oidc.ts'
import { runWorkflow } from './run.ts'

const usage = `Usage: npm run localrun -- WORKFLOW [options]

Runs a workflow of this repository (a path from its top) on this machine, through dist/ as GitHub's runner would.

  --event NAME      event that starts it (default: workflow_dispatch)
  --input K=V       workflow input; may be repeated
  --env K=V         variable for every step; may be repeated
  --secret K=V      secret; may be repeated, is masked
  --repository OWNER/REPO=DIR
                    folder of another repository that "uses:" names at a commit; may be repeated
  --issuer FILE     keep the key and port of the local token issuer there, so that later runs have the same issuer
                    (default: a new issuer for each run)
  --jwks FILE       write the issuer's public keys there, for "sealwright policy init --jwks"
  --directory DIR   folder for the workspace and temp folder of each job (default: a new one in the system's temp folder)
  --summary FILE    write the summaries of the jobs (Markdown) there
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    event: { type: 'string', default: 'workflow_dispatch' },
    input: { type: 'string', multiple: true, default: [] },
    env: { type: 'string', multiple: true, default: [] },
    secret: { type: 'string', multiple: true, default: [] },
    repository: { type: 'string', multiple: true, default: [] },
    issuer: { type: 'string' },
    jwks: { type: 'string' },
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

if (values.help === true || positionals.length !== 1) {
  process.stdout.write(usage)
  process.exit(values.help === true ? 0 : 2)
}
try {
  process.exitCode = await start(positionals[0] ?? '')
} catch (thrown) {
  const remedy = thrown instanceof SealwrightError ? thrown.remedy : undefined
  console.error(`error: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  if (remedy !== undefined) console.error(`  ${remedy}`)
  process.exitCode = 2
}

async function start(workflow: string): Promise<number> {
  const issuer = await startIssuer(values.issuer === undefined ? undefined : resolve(values.issuer))
  const made = values.directory === undefined
  const directory = made ? mkdtempSync(join(tmpdir(), 'localrun-')) : resolve(values.directory ?? '')
  try {
    if (values.jwks !== undefined) write(values.jwks, `${JSON.stringify(issuer.jwks)}\n`)
    const result = await runWorkflow({
      workflow,
      repository: resolve(import.meta.dirname, '../..'),
      repositories: pairs(values.repository),
      directory,
      event: values.event,
      inputs: pairs(values.input),
      env: pairs(values.env),
      secrets: pairs(values.secret),
      node: process.execPath,
      issuer,
      show: (line) => console.log(line),
    })
    for (const [id, job] of Object.entries(result.jobs)) {
      console.log(`${id}: ${job.result}`)
      for (const [name, value] of Object.entries(job.outputs)) console.log(`  ${name}=${value}`)
    }
    if (values.summary !== undefined)
      write(
        values.summary,
        Object.values(result.jobs)
          .map((job) => job.summary)
          .join('\n'),
      )
    console.log(`The folders of the jobs are in ${directory}${made ? '; remove it when you do not need it' : ''}`)
    return result.result === 'success' ? 0 : 1
  } catch (error) {
    if (made) rmSync(directory, { recursive: true, force: true })
    throw error
  } finally {
    await issuer.close()
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(resolve(path)), { recursive: true })
  writeFileSync(path, text)
}
