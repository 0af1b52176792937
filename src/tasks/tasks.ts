import type { TaskName } from '../agent/worker/table.ts'
import type { JobState } from '../agent/job-state.ts'
import type { Ports } from '../base/ports.ts'
import type { Caller } from '../agent/caller.ts'
import { asJson, type Outcome, type Task } from './context.ts'

/** Every task, each a chunk of its own: a worker loads only what it does. */
export const tasks = {
  build: async () => (await import('./build/task.ts')).build,
  sbom: async () => (await import('./sbom/task.ts')).sbom,
  encrypt: async () => (await import('./encrypt/task.ts')).encrypt,
  rewrap: async () => (await import('./encrypt/rewrap.ts')).rewrap,
  pass: async () => (await import('./pass.ts')).pass,
  publish: async () => (await import('./publish/task.ts')).publish,
  sign: async () => (await import('./sign/released/task.ts')).sign,
  promote: async () => (await import('./promote/task.ts')).promote,
  verify: async () => (await import('./verify/task.ts')).verify,
  attest: async () => (await import('./attest/task.ts')).attest,
} as const satisfies Record<TaskName, () => Promise<Pick<Task<never, unknown>, 'perform'>>>

type TaskOf<Name extends TaskName> = Awaited<ReturnType<(typeof tasks)[Name]>>
export type RequestOf<Name extends TaskName> = TaskOf<Name> extends Task<infer Request, unknown> ? Request : never
export type ResultOf<Name extends TaskName> = TaskOf<Name>['run'] extends (
  ...args: never[]
) => Promise<Outcome<infer Result>>
  ? Result
  : never

/**
 * Has a task done: by a worker of the job's agent where one runs, else in this process (TRUST §4).
 *
 * @param caller what the step gives to the task and takes from it
 */
export async function performTask<Name extends TaskName>(
  name: Name,
  request: RequestOf<Name>,
  caller: Caller,
  { ports, state }: { ports: Ports; state: JobState },
): Promise<ResultOf<Name>> {
  const agent = await state.agent()
  if (agent !== null) return (await agent.task(name, asJson(request), caller)) as ResultOf<Name>
  const task = (await tasks[name]()) as unknown as Task<RequestOf<Name>, ResultOf<Name>>
  return (await task.run(request, { ports, work: state, agent: null, caller })).result
}
