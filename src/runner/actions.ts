import { appendFile } from '../base/write-file.ts'
import type { Log } from '../base/ports.ts'
import { plainLog } from './log.ts'

/**
 * The only place that knows the workflow runner's toolkit (DESIGN §3). Loaded by steps alone: the command line starts without it.
 */
export interface Runner {
  input(name: string): string | undefined
  output(name: string, value: string): void
  fail(title: string, message: string): void
  summary(markdown: string): Promise<void>
  readonly log: Log
  /** Label and value of who runs this: repository, workflow, run, for the report. */
  readonly who: [string, string][]
}

export async function openRunner(env: Readonly<Record<string, string | undefined>>): Promise<Runner> {
  const core = await import('@actions/core')
  // The commands that we mean (masks, groups, annotations) are written by the toolkit alone; all text on the way to it is escaped here.
  const log = plainLog({
    debug: (m) => core.debug(m),
    info: (m) => core.info(m),
    warn: (m) => core.warning(m),
    progress: throttled((m) => core.info(m), 5000),
    group: (title, fn) => core.group(title, fn),
    mask: (secret) => core.setSecret(secret),
  })
  return {
    // A secret's input is dropped from the environment once read, so that no child can inherit it.
    input: (name) => {
      const variable = `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`
      if (env[variable] === undefined) return undefined
      const value = core.getInput(name) || env[variable]
      delete process.env[variable]
      return value
    },
    output: (name, value) => core.setOutput(name, value),
    fail: (title, message) => {
      core.error(log.lines(message), { title: log.lines(title) })
      process.exitCode = 1
    },
    summary: async (markdown) => {
      const file = env['GITHUB_STEP_SUMMARY']
      // `core.summary` does not escape and buffers; the text is ours and complete, so it is appended as it is.
      if (file !== undefined && file !== '') await appendFile(file, markdown)
    },
    log,
    who: await whoRuns(env),
  }
}

async function whoRuns(env: Readonly<Record<string, string | undefined>>): Promise<[string, string][]> {
  if (env['GITHUB_REPOSITORY'] === undefined || env['GITHUB_RUN_ID'] === undefined) return []
  const { context } = await import('@actions/github')
  const { owner, repo } = context.repo
  return [
    ['Repository', `${owner}/${repo}`],
    ['Commit', context.sha],
    ['Run', `${context.serverUrl}/${owner}/${repo}/actions/runs/${context.runId}`],
  ]
}

function throttled(show: (message: string) => void, everyMs: number): (message: string) => void {
  let last = -everyMs
  return (message) => {
    const now = performance.now()
    if (now - last < everyMs) return
    last = now
    show(message)
  }
}
