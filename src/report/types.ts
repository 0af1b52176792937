import type { JsonValue } from '../base/json.ts'

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
