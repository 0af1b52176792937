import type { AgentClient } from '../agent/protocol.ts'
import type { Ports } from '../base/ports.ts'
import type { JsonValue } from '../base/json.ts'

/** What every action gets from its door, whether that is a workflow step, the root action, the command line or a test. */
export interface ActionContext {
  readonly ports: Ports
  readonly state: JobState
}

/** The state directory of a job (INTERFACE §2), 0700. */
export interface JobState {
  readonly directory: string
  /** Path inside the directory, whose parent folder exists. */
  path(...parts: string[]): Promise<string>
  /** The living agent of this job, or null where none was started. @throws InputError `state-conflict` for a dead or foreign one */
  agent(): Promise<AgentClient | null>
  /**
   * Where an image of this job lies: `digest` → full reference (`oci:DIR:TAG@DIGEST`, `host/name:tag@DIGEST`). The journal names images by
   * digest only, so that it says nothing of the host.
   */
  rememberImage(digest: string, reference: string, role: 'plain' | 'encrypted' | 'published'): Promise<void>
  /** The image to work on when the input is left out: the last one that was remembered in one of these roles. */
  lastImage(roles: readonly ('plain' | 'encrypted' | 'published')[]): Promise<string | null>
  /** Small facts between steps (paths of documents), by name: `sbom-spdx-path`, `build-record-path` … */
  remember(name: string, value: string): Promise<void>
  recall(name: string): Promise<string | null>
}

/** What an action gives back. Refusal is data; errors are thrown. */
export interface ActionResult {
  /** Workflow outputs, by the names of action.yml. `report-path` is added by the door. */
  outputs: Record<string, string>
  report: ActionReport
  /** True makes the exit code 1 although nothing was thrown (a refused verdict). */
  refused?: boolean | undefined
}

/** What a reviewer sees; rendered by src/report as Markdown and HTML, and stored whole as JSON. Values are plain text: the renderer escapes. */
export interface ActionReport {
  /** One line, verdict first: `Accepted: …`, `Refused (unsealed): …`, `Built reproducibly`. */
  headline: string
  status: 'passed' | 'refused' | 'warning'
  subject: { name: string; digest: string } | null
  /** Label and value; who, what, where. */
  facts: [string, string][]
  tables: { title: string; header: string[]; rows: string[][] }[]
  /** Relaxations used, in words. */
  exceptions: string[]
  /** Literal commands, each runnable as it stands. */
  commands: { title: string; lines: string[] }[]
  notes: string[]
  /** Everything, for the full report file. */
  details: Record<string, JsonValue>
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
  /** Absolute path; relative ones are taken from the working directory. */
  path(name: string): string
  /** `env:NAME` or a file's content (one trailing newline dropped); null where nothing was given. A literal secret is refused on the command line. */
  secret(name: string): Promise<string | null>
}
