import { writeFile } from '../base/write-file.ts'
import { withinTime } from '../base/cancel.ts'
import { errorRecord, exitCodes, toSealwrightError, type ErrorRecord } from '../base/errors.ts'
import { renderHtml } from '../report/html.ts'
import { renderMarkdown } from '../report/markdown.ts'
import { errorReport } from '../report/error-report.ts'
import { asTyped, errorAsTyped, type InputNames } from './phrase.ts'
import type { ActionContext, ActionDoor, ActionReport, ActionResult, RawInputs } from './context.ts'

/** What a door shows of one run of an action. */
export interface Performed {
  exitCode: number
  outputs: Record<string, string>
  /** Set when there is no result; a refused verdict is a result (INTERFACE §4). */
  error: ErrorRecord | null
  report: ActionReport
  /** What a terminal shows after the headline, bounded. May quote foreign text. */
  lines: string[]
  /** Markdown of the report, for a job summary. */
  markdown: string
}

const shownLines = 20

/** The report has them all. */
function bounded(lines: readonly string[]): string[] {
  const more = lines.length - shownLines
  return more <= 0 ? [...lines] : [...lines.slice(0, shownLines), `… and ${more} more`]
}

export interface PerformOptions {
  /** Who runs this, as the door knows it; shown after the action's own facts. */
  who?: readonly [string, string][] | undefined
  /** How this door's reader types inputs; left out where that is as a workflow does, which is how tasks name them. */
  door?: InputNames | undefined
}

/** Runs one action and writes its report files. Never throws: every failure becomes an error record and a report. */
export async function perform(
  name: string,
  load: () => Promise<ActionDoor>,
  inputs: RawInputs,
  context: ActionContext,
  { who = [], door }: PerformOptions = {},
): Promise<Performed> {
  let result: ActionResult
  let error: ErrorRecord | null = null
  let exitCode: number = exitCodes.ok
  try {
    const action = await load()
    result = await withTimeout(name, inputs, context, (bounded) => action.run(inputs, bounded))
    exitCode = result.refused === true ? exitCodes.refused : (result.exitCode ?? exitCode)
  } catch (thrown) {
    error = door === undefined ? errorRecord(thrown) : errorAsTyped(errorRecord(thrown), door)
    exitCode = toSealwrightError(thrown).exitCode
    if (context.ports.env['SEALWRIGHT_DEBUG'] === '1' && thrown instanceof Error)
      context.ports.log.info(thrown.stack ?? '')
    result = { outputs: {}, report: errorReport(name, error) }
  }
  if (door !== undefined) {
    result.report.headline = asTyped(result.report.headline, door)
    result.report.notes = result.report.notes.map((note) => asTyped(note, door))
    result.lines = result.lines?.map((line) => asTyped(line, door))
  }
  const said = new Set(result.report.facts.map(([label]) => label))
  result.report.facts.push(...who.filter(([label]) => !said.has(label)))
  const hosts = context.ports.http.hosts()
  const markdown = renderMarkdown(name, result.report, hosts)
  const outputs = { ...result.outputs }
  try {
    outputs['report-path'] = await writeReport(name, result.report, hosts, markdown, context)
  } catch (thrown) {
    // A report that cannot be written (read-only state) must not hide the result.
    context.ports.log.warn(`the report could not be written: ${errorRecord(thrown).message}`)
  }
  return { exitCode, outputs, error, report: result.report, lines: bounded(result.lines ?? []), markdown }
}

async function writeReport(
  name: string,
  report: ActionReport,
  hosts: readonly string[],
  markdown: string,
  context: ActionContext,
): Promise<string> {
  const path = await context.state.path('reports', `${name}.json`)
  await writeFile(path, `${JSON.stringify({ action: name, hosts, ...report }, null, 2)}\n`)
  await writeFile(path.replace(/json$/, 'md'), markdown)
  await writeFile(path.replace(/json$/, 'html'), renderHtml([{ name, report, hosts }]))
  return path
}

/** `timeout` bounds the run. */
function withTimeout<T>(
  name: string,
  inputs: RawInputs,
  context: ActionContext,
  run: (context: ActionContext) => Promise<T>,
): Promise<T> {
  if (inputs.text('timeout') === '') return run(context)
  const seconds = inputs.integer('timeout', 1, 86_400)
  return withinTime(name, seconds, context.ports, (ports) => run({ ...context, ports }))
}
