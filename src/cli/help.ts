import { definitions, type Definition } from '../actions/definitions.ts'
import { commands } from './commands.ts'

const width = 100

/** The overview: what there is, in one screen. */
export function overview(): string {
  const line = (name: string, text: string): string => `  ${name.padEnd(20)} ${firstSentence(text)}`
  return [
    'sealwright: a confidential supply chain on machines that prove what they are',
    '',
    'Usage: sealwright <action> --<input> <value> …',
    '',
    'Actions (each also a step in a workflow):',
    ...Object.entries(definitions).map(([name, d]) => line(name, d.description)),
    '',
    'More:',
    ...Object.entries(commands).map(([name, c]) => line(name, c.description)),
    '',
    'Common options: --state DIR, --json (one JSON object on stdout), --verbose, --help.',
    'Exit codes: 0 verified or done, 1 refused, 2 wrong use, 3 transport, 4 internal.',
    '',
  ].join('\n')
}

/** Help of one command: inputs with defaults, outputs. */
export function commandHelp(name: string, definition: Definition): string {
  const lines = [`sealwright ${name}`, '', ...wrap(definition.description, ''), '', 'Options:']
  for (const input of definition.inputs) {
    const extra = input.required ? ' (required)' : input.default === '' ? '' : ` (default: ${input.default})`
    lines.push(`  --${input.name}${extra}`, ...wrap(input.description, '      '))
  }
  lines.push('  --state DIR, --json, --verbose, --help')
  if (definition.outputs.length > 0) {
    lines.push('', 'Outputs:')
    for (const output of definition.outputs) lines.push(`  ${output.name}`, ...wrap(output.description, '      '))
  }
  return `${lines.join('\n')}\n`
}

/** The first sentence, or as much of it as fits beside the name. */
function firstSentence(text: string): string {
  const sentence = text.split(/\.(?: |$)/)[0] ?? ''
  const room = width - 23
  return sentence.length <= room ? sentence : `${sentence.slice(0, sentence.lastIndexOf(' ', room - 1))} …`
}

function wrap(text: string, indent: string): string[] {
  const lines: string[] = []
  let line = indent
  for (const word of text.split(/\s+/)) {
    if (line.length + word.length + 1 > width && line.trim() !== '') {
      lines.push(line)
      line = indent
    }
    line += line === indent ? word : ` ${word}`
  }
  return [...lines, line]
}
