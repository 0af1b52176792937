/** One step's output, as act's JSON log tells it. */
export interface Output {
  job: string
  step: string
  name: string
  value: string
}

/** What one line of act's `--json` log says: the text for a reader, and the step output in it, if any. */
export interface Line {
  text: string
  output: Output | null
}

/** Reads one line of act's `--json` log. Lines that are not JSON (act's own first words) are text alone. */
export function readLine(line: string): Line {
  if (!line.startsWith('{')) return { text: line, output: null }
  const entry = JSON.parse(line) as Record<string, unknown>
  const told = (name: string): string => (typeof entry[name] === 'string' ? entry[name] : '')
  const text = `${told('jobID')} | ${told('msg').trimEnd()}`
  if (entry['command'] !== 'set-output') return { text, output: null }
  const step = Array.isArray(entry['stepID']) ? entry['stepID'].join('/') : ''
  return { text, output: { job: told('jobID'), step, name: told('name'), value: told('arg') } }
}

/** The value of one output of a job; where several steps give that name, of the first. */
export function outputOf(outputs: readonly Output[], job: string, name: string): string | null {
  return outputs.find((output) => output.job === job && output.name === name)?.value ?? null
}
