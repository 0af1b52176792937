import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionContext, RawInputs } from '../../../src/doors/context.ts'
import type { Definition } from '../../../src/doors/definitions.generated.ts'
import { rawInputs } from '../../../src/doors/raw-inputs.ts'
import { testPorts } from '../../../testkit/ports.ts'

export type Given = Record<string, string>

/** A working folder of its own, with commands run in it as the command line does. */
export function commandLine(): {
  here: string
  put(name: string, content: string | Uint8Array): string
  run<T>(
    command: (inputs: RawInputs, context: ActionContext) => Promise<T>,
    options: Definition['inputs'],
    given: Given,
  ): Promise<T>
} {
  const ports = testPorts()
  const here = ports.roots.cwd
  return {
    here,
    put: (name, content) => {
      const path = join(here, name)
      writeFileSync(path, content)
      return path
    },
    run: (command, options, given) =>
      command(
        rawInputs({
          given: (name) => given[name],
          defaults: Object.fromEntries(options.map((option) => [option.name, option.default])),
          ports,
          confine: null,
          label: (name) => `--${name}`,
        }),
        { ports } as ActionContext,
      ),
  }
}
