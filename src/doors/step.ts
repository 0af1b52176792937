import { definitions } from './definitions.generated.ts'
import { perform } from './perform.ts'
import { rawInputs } from './raw-inputs.ts'
import { doors, postDoors } from './registry.ts'
import { openState, stateDirectory } from '../agent/state.ts'
import { InternalError } from '../base/errors.ts'
import { printable } from '../base/printable.ts'
import { openRunner } from '../runner/actions.ts'
import { makePorts, type Programs } from '../runner/make-ports.ts'

/** Foreign text in a line must not begin another one. */
function oneLine(line: string): string {
  return `  ${printable(line)}`
}

/**
 * One step of a workflow: reads the step's inputs, runs the action, writes outputs and summary, sets the exit code.
 *
 * @param entries where our own programs are
 */
export async function runStep(name: string, phase: 'main' | 'post', entries: Programs): Promise<void> {
  const env: Record<string, string | undefined> = { ...process.env, SEALWRIGHT_AGENT_ENTRY: entries.agent }
  const runner = await openRunner(env)
  const cwd = env['GITHUB_WORKSPACE'] ?? process.cwd()
  const ports = makePorts({ env, cwd, log: runner.log, threads: entries.threads })
  const definition = definitions[name]
  const load = phase === 'main' ? doors[name] : postDoors[name]
  if (definition === undefined || load === undefined) throw new InternalError(`there is no action ${name}`)

  const directory = stateDirectory(undefined, ports)
  const defaults = Object.fromEntries(definition.inputs.map((input) => [input.name, input.default]))
  const inputs = rawInputs({
    given: runner.input,
    defaults,
    ports,
    confine: [cwd, ports.roots.temp, directory],
    label: (input) => `input "${input}"`,
  })
  const done = await perform(name, load, inputs, { ports, state: openState(directory, ports) }, { who: runner.who })

  for (const [output, value] of Object.entries(done.outputs)) runner.output(output, value)
  if (phase === 'main') await runner.summary(done.markdown)
  if (done.error !== null) {
    runner.fail(`${name}: ${done.error.code}`, [done.error.message, done.error.remedy].filter(Boolean).join('\n'))
  } else if (done.exitCode !== 0) {
    runner.fail(`${name}: refused`, [done.report.headline, ...done.lines.map(oneLine)].join('\n'))
  } else {
    runner.log.info([done.report.headline, ...done.lines.map(oneLine)].join('\n'))
  }
  process.exitCode = done.exitCode
}
