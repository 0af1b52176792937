import { definitions, type Definition } from '../doors/definitions.generated.ts'
import { actionExamples } from './action-examples.ts'
import { commands } from './commands.ts'
import { find } from './find.ts'
import { topics } from './topics.ts'

const width = 100

/** Headings of the overview and the first words of the commands under each, in this order. */
const groups: readonly (readonly [heading: string, words: readonly string[]])[] = [
  ['Policy of the gate:', ['policy']],
  ['Who will read an image:', ['guest']],
  ['Signatures of files and models:', ['verify bundle', 'sign', 'conformance']],
  ['SBOM documents:', ['sbom score', 'sbom convert', 'sbom diff', 'sbom verify']],
  ['Private transparency log:', ['log']],
  ['Evidence of machines:', ['tee show', 'tee verify', 'tee collect', 'tee convert', 'tee collateral', 'tee ak']],
  ['Values to expect of a machine:', ['tee predict', 'tee reference-values']],
  ['Runners and their agent:', ['agent', 'runner']],
  ['Keys from a broker:', ['kbs']],
  ['SCITT transparency services:', ['scitt']],
  ['More:', ['']],
]

/**
 * What `sealwright help WORDS` and `sealwright WORDS --help` print: the overview without words, else a topic, an action, a command or a family.
 *
 * @throws InputError `input-invalid` for other words
 */
export function help(words: readonly string[]): string {
  const asked = words.filter((word) => !word.startsWith('-'))
  const [first] = asked
  if (first === undefined) return overview()
  const topic = asked.length === 1 && Object.hasOwn(topics, first) ? topics[first] : undefined
  if (topic !== undefined) return [topic.title, '', ...topic.lines.map((text) => `  ${text}`.trimEnd()), ''].join('\n')
  const found = find(asked, Object.keys(topics))
  if (found.kind === 'family') return family(found.name)
  if (found.kind === 'action') return commandHelp(found.name, found.definition, actionExamples[found.name])
  return commandHelp(found.name, { ...found.command, outputs: [] }, found.command.examples)
}

/** The overview: what there is, in one screen. */
function overview(): string {
  const names = Object.keys(commands)
  const headingOf = (name: string): string =>
    groups.find(([, words]) =>
      words.some((word) => word === '' || name === word || name.startsWith(`${word} `)),
    )?.[0] ?? ''
  return [
    'sealwright: build, describe, sign, encrypt and admit software with proof of which machine did it',
    '',
    'Usage: sealwright <action or command> --<option> <value> …',
    '       sealwright help <action, command or topic>',
    '',
    'Actions (each also a step in a workflow):',
    ...Object.entries(definitions).map(([name, d]) => line(name, d.description)),
    ...groups.flatMap(([heading]) => {
      const under = names.filter((name) => headingOf(name) === heading)
      return under.length === 0
        ? []
        : ['', heading, ...under.map((name) => line(name, commands[name]?.description ?? ''))]
    }),
    '',
    'Topics of "sealwright help":',
    ...Object.entries(topics).map(([name, { title }]) => line(name, title)),
    '',
    ...footer,
  ].join('\n')
}

/** The commands that begin with one word. */
export function family(word: string): string {
  const found = Object.entries(commands).filter(([name]) => name.startsWith(`${word} `))
  return [
    `sealwright ${word} …`,
    '',
    ...found.map(([name, { description }]) => line(name, description)),
    '',
    ...footer,
  ].join('\n')
}

const footer = [
  'Common options: --state DIR, --registries-conf FILE, --json (one JSON object), --verbose, --help.',
  'Exit codes: 0 verified or done, 1 refused, 2 wrong use, 3 transport, 4 internal.',
  '',
]

const nameWidth = Math.max(20, ...Object.keys(commands).map((name) => name.length))

function line(name: string, text: string): string {
  return `  ${name.padEnd(nameWidth)} ${firstSentence(text)}`
}

/** Help of one action or command: examples first, then inputs with defaults, and outputs. */
function commandHelp(name: string, definition: Definition, examples: readonly string[] = []): string {
  const lines = [`sealwright ${name}`, '', ...wrap(definition.description, ''), '']
  if (examples.length > 0) lines.push('Examples:', ...examples.map((example) => `  ${example}`), '')
  lines.push('Options:')
  for (const input of definition.inputs) {
    const extra = input.required ? ' (required)' : input.default === '' ? '' : ` (default: ${input.default})`
    lines.push(`  --${input.name}${extra}`, ...wrap(input.description, '      '))
  }
  lines.push('  --state DIR, --registries-conf FILE, --json, --verbose, --help')
  if (definition.outputs.length > 0) {
    lines.push('', 'Outputs:')
    for (const output of definition.outputs) lines.push(`  ${output.name}`, ...wrap(output.description, '      '))
  }
  const under = Object.entries(commands).filter(([command]) => command.startsWith(`${name} `))
  if (under.length > 0)
    lines.push('', 'Commands:', ...under.map(([command, { description }]) => line(command, description)))
  return `${lines.join('\n')}\n`
}

/** The first sentence, or as much of it as fits beside the name. */
function firstSentence(text: string): string {
  const sentence = text.split(/\.(?: |$)/)[0] ?? ''
  const room = width - nameWidth - 3
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
