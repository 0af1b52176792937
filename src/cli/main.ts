import { resolve } from 'node:path'
import { errorRecord, exitCodes, InputError, toSealwrightError, withPath, type ErrorRecord } from '../base/errors.ts'
import { jsonLine, printableLines } from '../base/printable.ts'
import { openState, stateDirectory } from '../agent/state.ts'
import type { ActionContext } from '../doors/context.ts'
import type { Definition } from '../doors/definitions.generated.ts'
import { perform } from '../doors/perform.ts'
import { asTyped, errorAsTyped, type InputNames } from '../doors/phrase.ts'
import { rawInputs } from '../doors/raw-inputs.ts'
import { doors } from '../doors/registry.ts'
import { registriesVariable } from '../oci/registries-variable.ts'
import { stderrLog } from '../runner/log.ts'
import { makePorts, type Programs } from '../runner/make-ports.ts'
import { find, parsedOptions } from './find.ts'
import { family, help } from './help.ts'
import { outputLines } from './output-lines.ts'
import type { ParsedOptions } from './options.ts'
import { terminalText } from './terminal.ts'

/** The command line (INTERFACE §4). With `--json` exactly one JSON object goes to stdout and all else to stderr. */
export async function main(argv: readonly string[], entries: Programs): Promise<void> {
  const wantsJson = argv.includes('--json')
  if (!process.stdout.listeners('error').includes(outputLost)) {
    process.stdout.on('error', outputLost)
    process.stderr.on('error', () => {})
  }
  try {
    process.exitCode = await run(argv, entries)
  } catch (thrown) {
    const error = typedError(argv, errorRecord(thrown))
    process.exitCode = toSealwrightError(thrown).exitCode
    showError(error, wantsJson)
  }
}

async function run(argv: readonly string[], entries: Programs): Promise<number> {
  const [first = '--help', ...rest] = argv
  if (first === '--help' || first === '-h' || first === 'help') return print(help(rest))
  if (first === '--version') return run(['version', ...rest], entries)
  const found = find(argv)
  if (found.kind === 'family') return print(family(found.name))
  const options = parsedOptions(found)
  if (options.help) return print(help(found.name.split(' ')))
  if (found.kind === 'action') return runAction(found.name, found.definition, options, entries)

  const { command } = found
  const context = makeContext(command, options, entries)
  const result = await command.run(inputsFor(command, options, context), context)
  if (options.json) process.stdout.write(jsonLine({ outputs: result.outputs }))
  else if (result.text !== undefined) process.stdout.write(printableLines(result.text))
  return result.refused === true ? exitCodes.refused : exitCodes.ok
}

function print(text: string): number {
  process.stdout.write(text)
  return exitCodes.ok
}

async function runAction(
  name: string,
  definition: Definition,
  options: ParsedOptions,
  entries: Programs,
): Promise<number> {
  const context = makeContext(definition, options, entries)
  const load = doors[name]
  if (load === undefined) throw new InputError('unsupported', `${name} cannot be run from the command line`)
  const done = await perform(name, load, inputsFor(definition, options, context), context, {
    door: inputNames(definition),
  })
  if (done.error !== null) {
    showError(done.error, options.json)
  } else {
    process.stderr.write(terminalText(done.report, done.lines))
    process.stdout.write(options.json ? jsonLine({ outputs: done.outputs }) : outputLines(done.outputs))
  }
  return done.exitCode
}

function makeContext(of: WithInputs, options: ParsedOptions, entries: Programs): ActionContext {
  const names = inputNames(of)
  const stderr = stderrLog({ verbose: options.verbose, progressEveryMs: process.stderr.isTTY ? 100 : 2000 })
  const log = { ...stderr, warn: (message: string) => stderr.warn(asTyped(message, names)) }
  const env: NodeJS.ProcessEnv = { ...process.env, SEALWRIGHT_AGENT_ENTRY: entries.agent }
  if (options.registriesConf !== undefined) env[registriesVariable] = resolve(options.registriesConf)
  const ports = makePorts({ env, cwd: process.cwd(), log, threads: entries.threads })
  return { ports, state: openState(stateDirectory(options.state, ports), ports) }
}

function inputsFor(
  definition: WithInputs,
  options: ParsedOptions,
  context: ActionContext,
): ReturnType<typeof rawInputs> {
  return rawInputs({
    given: (name) => options.values[name],
    defaults: Object.fromEntries(definition.inputs.map((input) => [input.name, input.default])),
    ports: context.ports,
    confine: null,
    label: inputNames(definition).label,
  })
}

type WithInputs = Pick<Definition, 'inputs'> & { positional?: string | readonly string[] }

/** How the inputs of an action or command are typed; a positional one is typed without its name. */
function inputNames({ inputs, positional = [] }: WithInputs): InputNames {
  return {
    names: inputs.map(({ name }) => name),
    label: (name) => ([positional].flat().includes(name) ? `the ${name}` : `--${name}`),
  }
}

/** Whoever read our output may stop (`| head`): the work goes on, and its exit code stands. A result that a full disk swallowed is no success. */
function outputLost(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return
  const told = toSealwrightError(withPath(error, 'stdout'))
  showError(errorRecord(told), false)
  process.once('exit', (code) => {
    if (code === exitCodes.ok) process.exitCode = told.exitCode
  })
}

/** The error in the words of the command that was typed, as far as it was one. */
function typedError(argv: readonly string[], error: ErrorRecord): ErrorRecord {
  try {
    const found = find(argv)
    if (found.kind === 'family') return error
    return errorAsTyped(error, inputNames(found.kind === 'action' ? found.definition : found.command))
  } catch {
    return error
  }
}

/** A message may quote foreign bytes. */
function showError(error: ErrorRecord, json: boolean): void {
  if (json) {
    process.stdout.write(jsonLine({ error }))
    return
  }
  process.stderr.write(`error (${error.code}): ${printableLines(error.message)}\n`)
  if (error.remedy !== null) process.stderr.write(`  ${printableLines(error.remedy)}\n`)
}
