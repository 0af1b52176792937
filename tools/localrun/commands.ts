import { readFileSync } from 'node:fs'

/** `k=v` and heredoc lines of a file command (GITHUB_OUTPUT, GITHUB_ENV, GITHUB_STATE). */
export function parseFileCommands(path: string): [string, string][] {
  const lines = readFileSync(path, 'utf8').split('\n')
  const pairs: [string, string][] = []
  for (let i = 0; i < lines.length; i += 1) {
    const line = (lines[i] ?? '').replace(/\r$/, '')
    if (line === '') continue
    const equals = line.indexOf('=')
    const heredoc = line.indexOf('<<')
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      pairs.push([line.slice(0, equals), line.slice(equals + 1)])
      continue
    }
    if (heredoc < 0) throw new Error(`Invalid format '${line}'`)
    const delimiter = line.slice(heredoc + 2)
    const end = lines.findIndex((l, at) => at > i && l.replace(/\r$/, '') === delimiter)
    if (end < 0) throw new Error(`Matching delimiter not found '${delimiter}'`)
    pairs.push([line.slice(0, heredoc), lines.slice(i + 1, end).join('\n')])
    i = end
  }
  return pairs
}

export interface Command {
  name: string
  data: string
}

/** A `::name k=v::data` line, or null. */
export function parseCommand(line: string): Command | null {
  const match = /^\s*::([a-z-]+)(?: [^:]*)?::(.*)$/.exec(line)
  if (match === null) return null
  const text = (match[2] ?? '').replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%')
  return { name: match[1] ?? '', data: text }
}

/** Hides what was registered, whole and line by line. */
export class Masks {
  private readonly values = new Set<string>()

  add(value: string): void {
    for (const part of [value, ...value.split(/\r?\n/), Buffer.from(value).toString('base64')]) {
      if (part.trim().length > 0) this.values.add(part)
    }
  }

  apply(line: string): string {
    let shown = line
    for (const value of this.values) shown = shown.replaceAll(value, '***')
    return shown
  }

  hides(value: string): boolean {
    return this.apply(value) !== value
  }
}
