import { errorRecord, toSealwrightError } from '../../../src/base/errors.ts'
import type { JsonObject } from '../../../src/base/json.ts'
import { rawInputs } from '../../../src/doors/raw-inputs.ts'
import { openState } from '../../../src/agent/state.ts'
import { commands } from '../../../src/cli/commands.ts'
import { parseOptions } from '../../../src/cli/options.ts'
import { testPorts } from '../../../testkit/ports.ts'

export interface Answer<T> {
  code: number
  outputs: T
  text: string
  error?: { code: string; message: string; subject: string | null; remedy: string | null }
}

/** A command as the command line calls it, in this process: what `--json` would print, the text, and the exit code. */
export async function door<T = JsonObject>(name: string, ...args: string[]): Promise<Answer<T>> {
  const command = commands[name]
  if (command === undefined) throw new Error(`there is no command ${name}`)
  const ports = testPorts()
  try {
    const names = command.inputs.map((input) => input.name)
    const { values } = parseOptions(name, names, args, command.positional, command.flags)
    const defaults = Object.fromEntries(command.inputs.map((input) => [input.name, input.default]))
    const inputs = rawInputs({
      given: (one) => values[one],
      defaults,
      ports,
      confine: null,
      label: (one) => `--${one}`,
    })
    const state = openState(`${ports.roots.temp}/state`, ports)
    const { outputs, text = '', refused = false } = await command.run(inputs, { ports, state })
    // As it would be printed: what JSON cannot hold is lost.
    return { code: refused ? 1 : 0, outputs: JSON.parse(JSON.stringify(outputs)) as T, text }
  } catch (thrown) {
    if (toSealwrightError(thrown).code === 'internal') throw thrown
    return { code: toSealwrightError(thrown).exitCode, outputs: {} as T, text: '', error: errorRecord(thrown) }
  }
}
