import { parse } from 'yaml'

interface Entry {
  readonly description?: string
  readonly default?: unknown
  readonly required?: boolean
}

export interface ActionFile {
  readonly inputs?: Readonly<Record<string, Entry>> | undefined
  readonly secrets?: Readonly<Record<string, Entry>> | undefined
  readonly outputs?: Readonly<Record<string, Entry>> | undefined
}

export function parseAction(text: string): ActionFile {
  return parse(text) as ActionFile
}

/** What a reusable workflow takes and gives. */
export function parseCalled(text: string): ActionFile {
  return (parse(text) as { on: { workflow_call: ActionFile } }).on.workflow_call
}

/** Inputs of an action that a reusable workflow does not have, as a list in one line. */
export function lacking(action: ActionFile, called: ActionFile): string {
  const names = Object.keys(action.inputs ?? {}).filter((name) => !(name in (called.inputs ?? {})))
  return names.map((name) => `\`${name}\``).join(', ')
}

/** Replaces what stands between the markers of this name; null where there are none. */
export function between(text: string, marker: string, content: string): string | null {
  const place = new RegExp(`(<!-- ${marker} -->\n)[^]*?(<!-- /${marker} -->)`)
  if (!place.test(text)) return null
  return text.replace(place, (_, start: string, end: string) => `${start}\n${content}\n\n${end}`)
}

/** Replaces what stands between the markers by tables, and tells which markers are missing for what there is to show. */
export function fill(readme: string, action: ActionFile): { text: string; missing: string[] } {
  const missing: string[] = []
  let text = readme
  for (const [marker, rows] of [
    ['inputs', inputs(action.inputs ?? {})],
    ['secrets', namesOf('Secret', action.secrets ?? {})],
    ['outputs', namesOf('Output', action.outputs ?? {})],
  ] as const) {
    if (rows === null) continue
    const filled = between(text, marker, rows)
    if (filled === null) missing.push(marker)
    else text = filled
  }
  return { text, missing }
}

function inputs(entries: Readonly<Record<string, Entry>>): string | null {
  const rows = Object.entries(entries).map(([name, entry]) => [
    `\`${name}\``,
    cell(entry.description),
    entry.required === true ? '**required**' : defaultOf(entry),
  ])
  return rows.length === 0 ? null : table([['Input', 'Meaning', 'Default'], ...rows])
}

function namesOf(title: string, entries: Readonly<Record<string, Entry>>): string | null {
  const rows = Object.entries(entries).map(([name, entry]) => [`\`${name}\``, cell(entry.description)])
  return rows.length === 0 ? null : table([[title, 'Meaning'], ...rows])
}

function defaultOf(entry: Entry): string {
  const value = String(entry.default ?? '').trim()
  return value === '' ? '' : `\`${cell(value).replaceAll('`', '')}\``
}

/** One line; a bar would end the cell. */
export function cell(text: string | undefined): string {
  return (text ?? '').trim().replace(/\s+/g, ' ').replaceAll('|', '\\|')
}

export function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
