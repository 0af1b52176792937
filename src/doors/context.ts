import type { JobState } from '../agent/job-state.ts'
import type { StepContext } from '../tasks/context.ts'
import type { ActionReport } from '../report/types.ts'

export type { ActionReport, JobState }

/** What every action gets from its door, whether that is a workflow step, the root action, the command line or a test. */
export type ActionContext = StepContext

/** What an action gives back. Refusal is data; errors are thrown. */
export interface ActionResult {
  /** Workflow outputs, by the names of action.yml. `report-path` is added by the door. */
  outputs: Record<string, string>
  report: ActionReport
  /** Lines for the terminal and the step log after the headline: what failed, and which exceptions were used. May quote foreign text. */
  lines?: string[] | undefined
  /** True makes the exit code 1 although nothing was thrown (a refused verdict). */
  refused?: boolean | undefined
  /** Exit code where it is neither 0 nor that of a refusal: the worst of several results. */
  exitCode?: number | undefined
}

/** The one function of an action: a typed record in, outputs and a report out. */
export interface ActionDoor {
  /** Folder under actions/. */
  readonly name: string
  /** Reads all inputs into a typed record, then runs. */
  run(inputs: RawInputs, context: ActionContext): Promise<ActionResult>
}

/** Inputs as a door hands them over: names and texts, defaults of action.yml applied. */
export interface RawInputs {
  /** Trimmed text, '' where nothing was given. */
  text(name: string): string
  /** @throws InputError `input-missing` */
  required(name: string): string
  /** Lines (and commas, unless `linesOnly`), trimmed, empty ones dropped. */
  list(name: string, linesOnly?: boolean): string[]
  boolean(name: string): boolean
  /** @throws InputError `input-invalid` naming the allowed values */
  choice<T extends string>(name: string, allowed: readonly T[]): T
  integer(name: string, min: number, max: number): number
  /** Absolute path; relative ones are taken from the working directory. @param part of the input that is the path; by default all of it */
  path(name: string, part?: string): string
  /** `env:NAME` or a file's content (one trailing newline dropped); null where nothing was given. A literal secret is refused on the command line. */
  secret(name: string): Promise<string | null>
  /** Passwords that a secret may stand for: without its last line break, and as it is, since cosign takes what a pipe or file holds to the last byte. */
  passwords(name: string): Promise<string[]>
}
