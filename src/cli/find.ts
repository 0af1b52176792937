import { definitions, type Definition } from '../doors/definitions.generated.ts'
import { InputError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { Command } from './command.ts'
import { commands } from './commands.ts'
import { parseOptions, type ParsedOptions } from './options.ts'

/** What the words of a command line begin with, and the words after it. */
export type Found =
  | { kind: 'action'; name: string; definition: Definition; rest: readonly string[] }
  | { kind: 'command'; name: string; command: Command; rest: readonly string[] }
  | { kind: 'family'; name: string }

/**
 * The action, command or family of commands that was typed. A command has one to three words (`version`, `agent stop`, `tee ak show`) and wins
 * over an action of the same first word: the action `sbom` takes no word behind it.
 *
 * @param topics other words that are known where this is asked for help
 * @throws InputError `input-invalid` with the nearest name, where one is near
 */
export function find(argv: readonly string[], topics: readonly string[] = []): Found {
  const [first = ''] = argv
  const name = Object.keys(commands).find((c) => c.split(' ').every((word, i) => word === argv[i]))
  const command = name === undefined ? undefined : commands[name]
  if (name !== undefined && command !== undefined)
    return { kind: 'command', name, command, rest: argv.slice(name.split(' ').length) }
  const definition = Object.hasOwn(definitions, first) ? definitions[first] : undefined
  if (definition !== undefined) return { kind: 'action', name: first, definition, rest: argv.slice(1) }
  const asked = argv.filter((word) => word !== '--help' && word !== '-h').join(' ')
  if (isFamily(asked)) return { kind: 'family', name: asked }
  const words = isFamily(first) ? leadingWords(argv).slice(0, 3).join(' ') : first
  const near = nearestName(argv, topics)
  throw new InputError('input-invalid', `there is no command "${words}"`, {
    subject: words,
    remedy: `${near === null ? '' : `Did you mean ${near}? `}Run "sealwright ${isFamily(first) ? `${first} ` : ''}--help" for all commands.`,
  })
}

/** Whether commands begin with these words (`tee`, `tee ak`). */
function isFamily(words: string): boolean {
  return words !== '' && Object.keys(commands).some((c) => c.startsWith(`${words} `))
}

/** The name that mistyped words most likely mean: near in letters, with its words in another order, or the only one that begins so. */
function nearestName(argv: readonly string[], topics: readonly string[]): string | null {
  const known = [...Object.keys(definitions), ...Object.keys(commands), ...topics]
  const words = leadingWords(argv)
  for (const count of [3, 2, 1].filter((count) => count <= words.length)) {
    const typed = words.slice(0, count).join(' ')
    // The first word of a family is no mistake: `tee` alone would be near to `tree`.
    if (isFamily(typed)) break
    const alike = known.filter((name) => name.split(' ').length === count)
    const near = nearest(typed, alike) ?? known.find((name) => sortedWords(name) === sortedWords(typed))
    if (near !== undefined) return near
  }
  // "build" and "verify" are how people call the actions.
  return Object.keys(definitions).find((name) => name.startsWith(`${words[0] ?? ''}-`)) ?? null
}

function leadingWords(argv: readonly string[]): string[] {
  const end = argv.findIndex((word) => word.startsWith('-'))
  return argv.slice(0, end === -1 ? undefined : end)
}

/** `policy-init` and `init policy` are `policy init`. */
function sortedWords(name: string): string {
  return name.split(/[ -]/).sort().join(' ')
}

/** The options behind an action or command. @throws InputError `input-invalid` */
export function parsedOptions(found: Exclude<Found, { kind: 'family' }>): ParsedOptions {
  if (found.kind === 'command') {
    const { positional, flags, inputs } = found.command
    const names = inputs.map(({ name }) => name)
    return parseOptions(found.name, names, found.rest, positional, flags)
  }
  const { inputs } = found.definition
  const switches = inputs.filter((input) => input.default === 'false').map(({ name }) => `--${name}`)
  // An input that is false by default may be given without its value: `--dry-run`.
  const args = found.rest.map((word, i) =>
    switches.includes(word) && found.rest[i + 1]?.startsWith('--') !== false ? `${word}=true` : word,
  )
  return parseOptions(
    found.name,
    inputs.map(({ name }) => name),
    args,
  )
}
