import { parse } from 'yaml'

interface Entry {
  readonly description?: string
  readonly default?: unknown
  readonly required?: boolean
}

export interface ActionFile {
  readonly inputs?: Readonly<Record<string, Entry>> | undefined
  readonly outputs?: Readonly<Record<string, Entry>> | undefined
}

export function parseAction(text: string): ActionFile {
  return parse(text) as ActionFile
}

/** Replaces what stands between the markers by tables, and tells which markers are missing for what there is to show. */
export function fill(readme: string, action: ActionFile): { text: string; missing: string[] } {
  const missing: string[] = []
  let text = readme
  for (const [marker, rows] of [
    ['inputs', inputs(action.inputs ?? {})],
    ['outputs', outputs(action.outputs ?? {})],
  ] as const) {
    if (rows === null) continue
    const between = new RegExp(`(<!-- ${marker} -->\n)[^]*?(<!-- /${marker} -->)`)
    if (between.test(text))
      text = text.replace(between, (_, start: string, end: string) => `${start}\n${rows}\n\n${end}`)
    else missing.push(marker)
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

function outputs(entries: Readonly<Record<string, Entry>>): string | null {
  const rows = Object.entries(entries).map(([name, entry]) => [`\`${name}\``, cell(entry.description)])
  return rows.length === 0 ? null : table([['Output', 'Meaning'], ...rows])
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
