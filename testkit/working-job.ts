import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentClient } from '../src/agent/protocol.ts'
import { openState } from '../src/agent/state.ts'
import type { Ports } from '../src/base/ports.ts'
import type { ActionResult } from '../src/doors/context.ts'
import { definitions } from '../src/doors/definitions.generated.ts'
import { rawInputs } from '../src/doors/raw-inputs.ts'
import { doors } from '../src/doors/registry.ts'
import { startAgent } from './agent.ts'
import { pushClaims, startIssuer } from './oidc.ts'

/** A job in the test's own process: its agent has a token, and workers of the agent do what the steps ask. */
export interface WorkingJob {
  ports: Ports
  client: AgentClient
  /** Runs an action with the defaults of its action.yml. */
  run(action: string, given?: Record<string, string>): Promise<ActionResult>
  /** Ends the agent, as when none runs in the job any more. */
  stopAgent(): Promise<void>
  stop(): Promise<void>
}

/** Runs actions with the defaults of their action.yml, in the state directory of a job. */
export function actionRunner(ports: Ports, directory: string): WorkingJob['run'] {
  return async (action, given = {}) => {
    const defaults = Object.fromEntries((definitions[action]?.inputs ?? []).map((one) => [one.name, one.default]))
    const inputs = rawInputs({ given: (name) => given[name], defaults, ports, confine: null, label: (name) => name })
    const door = await doors[action]?.()
    if (door === undefined) throw new Error(`there is no action ${action}`)
    return door.run(inputs, { ports, state: openState(directory, ports) })
  }
}

const running: WorkingJob[] = []

/** To be called after all tests that use them. */
export async function stopJobs(): Promise<void> {
  for (const job of running.splice(0)) await job.stop()
}

/**
 * Starts a job whose agent built and described a small image: `oci:built`.
 *
 * @param claims what its token says otherwise than that of a push to the main branch
 * @param env more variables of every step
 * @param builds false for a job that has done nothing yet
 */
export async function startWorkingJob(
  claims: Record<string, string> = {},
  env: Record<string, string> = {},
  builds = true,
): Promise<WorkingJob> {
  const issuer = await startIssuer({ ...pushClaims, ...claims })
  const { ports, directory, client } = await startAgent({ ...issuer.env(), ...env })
  const run = actionRunner(ports, directory)
  // Agents that still run are ended by testkit/agent.ts.
  const job: WorkingJob = { ports, client, run, stopAgent: () => client.stop(), stop: () => issuer.close() }
  running.push(job)
  if (!builds) return job
  const source = join(ports.roots.cwd, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'Containerfile'), 'FROM scratch\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n')
  writeFileSync(join(source, 'hello'), 'hello\n')
  await run('build-reproducible', {
    context: 'source',
    builder: 'embedded',
    output: 'oci:built',
    'source-date-epoch': '1700000000',
  })
  await run('sbom', {})
  return job
}
