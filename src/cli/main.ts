import { errorRecord, exitCodes, InputError, toSealwrightError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { jsonLine, printable, printableLines } from '../base/printable.ts'
import { openState, stateDirectory } from '../agent/state.ts'
import { perform } from '../doors/perform.ts'
import { rawInputs } from '../doors/raw-inputs.ts'
import { doors } from '../doors/registry.ts'
import { stderrLog } from '../runner/log.ts'
import { makePorts, type Programs } from '../runner/make-ports.ts'
import { commands } from './commands.ts'
import { commandHelp, family, overview } from './help.ts'
import { outputLines } from './output-lines.ts'
import { actionDefinition, parseOptions, type ParsedOptions } from './options.ts'
import { definitions, type Definition } from '../doors/definitions.generated.ts'
import type { ActionContext } from '../doors/context.ts'

/** The command line (INTERFACE §4). With `--json` exactly one JSON object goes to stdout and all else to stderr. */
export async function main(argv: readonly string[], entries: Programs): Promise<void> {
  const wantsJson = argv.includes('--json')
  for (const stream of [process.stdout, process.stderr])
    if (!stream.listeners('error').includes(readerGone)) stream.on('error', readerGone)
  try {
    process.exitCode = await run(argv, entries)
  } catch (thrown) {
    const error = withRemedy(errorRecord(thrown))
    process.exitCode = toSealwrightError(thrown).exitCode
    showError(error, wantsJson)
  }
}

async function run(argv: readonly string[], entries: Programs): Promise<number> {
  const [first = '--help', ...rest] = argv
  if (first === '--help' || first === '-h' || first === 'help') {
    process.stdout.write(overview())
    return exitCodes.ok
  }
  if (first === '--version') return run(['version', ...rest], entries)
  // A command has one to three words: `version`, `agent stop`, `sbom score`. The action `sbom` takes no word behind it.
  const name = Object.keys(commands).find((c) => c.split(' ').every((word, i) => word === argv[i]))
  const action = actionDefinition(first)
  if (action !== undefined && name === undefined) return runAction(first, action, rest, entries)

  // `tee --help`, `tee ak --help`: the commands of a family.
  const asked = argv.filter((word) => word !== '--help' && word !== '-h').join(' ')
  if (!asked.startsWith('-') && Object.keys(commands).some((c) => c.startsWith(`${asked} `))) {
    process.stdout.write(family(asked))
    return exitCodes.ok
  }
  const command = name === undefined ? undefined : commands[name]
  if (name === undefined || command === undefined) {
    const like = Object.keys(commands).some((c) => c.startsWith(`${first} `))
    const words = like
      ? argv
          .filter((word) => !word.startsWith('-'))
          .slice(0, 3)
          .join(' ')
      : first
    const near = nearestCommand(argv)
    throw new InputError('input-invalid', `there is no command "${words}"`, {
      subject: words,
      remedy: `${near === null ? '' : `Did you mean ${near}? `}Run "sealwright ${like ? `${first} ` : ''}--help" for all commands.`,
    })
  }
  const options = parseOptions(
    name,
    command.inputs.map((i) => i.name),
    argv.slice(name.split(' ').length),
    command.positional,
    command.flags,
  )
  if (options.help) {
    process.stdout.write(commandHelp(name, { ...command, outputs: [] }, command.examples))
    return exitCodes.ok
  }
  const context = makeContext(options, entries)
  const result = await command.run(inputsFor(command, options, context), context)
  if (options.json) process.stdout.write(jsonLine({ outputs: result.outputs }))
  else if (result.text !== undefined) process.stdout.write(printableLines(result.text))
  return result.refused === true ? exitCodes.refused : exitCodes.ok
}

/** A command has one to three words; what follows may be anything. */
function nearestCommand(argv: readonly string[]): string | null {
  const known = [...Object.keys(definitions), ...Object.keys(commands)]
  for (const count of [3, 2, 1]) {
    const found = nearest(
      argv.slice(0, count).join(' '),
      known.filter((name) => name.split(' ').length === count),
    )
    if (found !== null && argv.length >= count) return found
  }
  return null
}

async function runAction(
  name: string,
  definition: Definition,
  args: readonly string[],
  entries: Programs,
): Promise<number> {
  const options = parseOptions(
    name,
    definition.inputs.map((i) => i.name),
    args,
  )
  if (options.help) {
    process.stdout.write(commandHelp(name, definition))
    return exitCodes.ok
  }
  const context = makeContext(options, entries)
  const load = doors[name]
  if (load === undefined) throw new InputError('unsupported', `${name} cannot be run from the command line`)
  const done = await perform(name, load, inputsFor(definition, options, context), context)
  if (done.error !== null) {
    showError(done.error, options.json)
  } else {
    process.stderr.write(`${printableLines(done.report.headline)}\n`)
    for (const line of done.lines) process.stderr.write(`  ${printable(line)}\n`)
    process.stdout.write(options.json ? jsonLine({ outputs: done.outputs }) : outputLines(done.outputs))
  }
  return done.exitCode
}

function makeContext(options: ParsedOptions, entries: Programs): ActionContext {
  const log = stderrLog({ verbose: options.verbose, progressEveryMs: process.stderr.isTTY ? 100 : 2000 })
  const env = { ...process.env, SEALWRIGHT_AGENT_ENTRY: entries.agent }
  const ports = makePorts({ env, cwd: process.cwd(), log, threads: entries.threads })
  return { ports, state: openState(stateDirectory(options.state, ports), ports) }
}

function inputsFor(
  definition: Pick<Definition, 'inputs'> & { positional?: string | readonly string[] },
  options: ParsedOptions,
  context: ActionContext,
): ReturnType<typeof rawInputs> {
  return rawInputs({
    given: (name) => options.values[name],
    defaults: Object.fromEntries(definition.inputs.map((input) => [input.name, input.default])),
    ports: context.ports,
    confine: null,
    // Such an input is typed without its name.
    label: (name) => ([definition.positional ?? []].flat().includes(name) ? `the ${name}` : `--${name}`),
  })
}

/** Whoever read our output may stop (`| head`): the work goes on, and its exit code stands. */
function readerGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

/** A parser knows the byte at which a file goes wrong, not what else the reader could have named. */
function withRemedy(error: ReturnType<typeof errorRecord>): ReturnType<typeof errorRecord> {
  if (error.remedy !== null || error.code !== 'format-invalid') return error
  return { ...error, remedy: 'Check that this is the file that was meant, whole and as its maker wrote it.' }
}

/** A message may quote foreign bytes. */
function showError(error: ReturnType<typeof errorRecord>, json: boolean): void {
  if (json) {
    process.stdout.write(jsonLine({ error }))
    return
  }
  process.stderr.write(`error (${error.code}): ${printableLines(error.message)}\n`)
  if (error.remedy !== null) process.stderr.write(`  ${printableLines(error.remedy)}\n`)
}
