import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openState } from '../src/agent/state.ts'
import { toSealwrightError, type SealwrightError } from '../src/base/errors.ts'
import type { Ports } from '../src/base/ports.ts'
import { find, parsedOptions } from '../src/cli/find.ts'
import { rawInputs } from '../src/doors/raw-inputs.ts'
import { doors } from '../src/doors/registry.ts'

/** What a command line came to. */
export interface Performed {
  /** `done`, `refused: REASONS`, or the code of the error. */
  readonly outcome: string
  readonly outputs: Readonly<Record<string, unknown>>
  readonly error: SealwrightError | null
}

/** Runs an action or command as the command line does, without a process of its own. @throws what is no error of ours */
export async function runInProcess(argv: readonly string[], ports: Ports): Promise<Performed> {
  try {
    const found = find(argv)
    if (found.kind === 'family') throw new Error(`${argv[0]} is a family of commands`)
    const { inputs: definitions } = found.kind === 'action' ? found.definition : found.command
    const options = parsedOptions(found)
    const inputs = rawInputs({
      given: (name) => options.values[name],
      defaults: Object.fromEntries(definitions.map((input) => [input.name, input.default])),
      ports,
      confine: null,
      label: (name) => name,
    })
    const context = { ports, state: openState(join(ports.roots.temp, 'state'), ports) }
    const runner = found.kind === 'command' ? found.command : await doors[found.name]?.()
    if (runner === undefined) throw new Error(`${found.name} cannot be run here`)
    const result = await runner.run(inputs, context)
    const { outputs } = result
    const isRefused = result.refused === true || ('exitCode' in result && (result.exitCode ?? 0) !== 0)
    return { outcome: isRefused ? `refused: ${reasonsOf(outputs).join(', ')}` : 'done', outputs, error: null }
  } catch (thrown) {
    const error = toSealwrightError(thrown)
    return { outcome: error.code, outputs: {}, error }
  }
}

/** Why a command refused: in its outputs, or in the verdict that they name. */
function reasonsOf(outputs: Readonly<Record<string, unknown>>): readonly string[] {
  const path = outputs['verdict-path']
  const { reasons = [] } = (
    typeof path === 'string' && path !== '' ? JSON.parse(readFileSync(path, 'utf8')) : outputs
  ) as { reasons?: readonly string[] }
  return reasons
}
