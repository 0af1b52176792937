import type { z } from 'zod'
import type { Caller } from '../agent/caller.ts'
import type { JobState } from '../agent/job-state.ts'
import type { TaskAgent } from '../agent/protocol.ts'
import { InputError } from '../base/errors.ts'
import { firstIssue } from '../base/first-issue.ts'
import type { JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import type { EventFacts } from '../journal/event.ts'
import type { StepsFacts } from '../statement/isolation.ts'

/** A folder that later tasks of the same job find again, and no step can write where a worker has a user of its own. */
export interface WorkFolder {
  /** Path inside the folder, whose parent exists. */
  path(...parts: string[]): Promise<string>
}

/** What a task gets, wherever it runs: in a worker of the agent, in a step without agent, on the command line. */
export interface TaskContext {
  readonly ports: Ports
  readonly work: WorkFolder
  /** The job's agent, as far as the task may ask it; null where none runs. */
  readonly agent: TaskAgent | null
  readonly caller: Caller
}

/** Facts of an event, and how foreign steps were kept apart in it. */
export interface TaskEvent {
  facts: EventFacts
  isolation: StepsFacts
}

/** What a step has: its ports, and the state of its job. */
export interface StepContext {
  readonly ports: Ports
  readonly state: JobState
}

/** What a task gives: a result for the step, and events for the journal. */
export interface Outcome<Result> {
  result: Result
  events: TaskEvent[]
}

/** One task: a typed request, a typed result, pure over its context (DESIGN §3). */
export interface Task<Request, Result> {
  run(request: Request, context: TaskContext): Promise<Outcome<Result>>
  /** The same for a request that comes from a step, which counts as hostile. @throws InputError `input-invalid` for a request of another form */
  perform(request: JsonValue, context: TaskContext): Promise<Outcome<JsonValue>>
}

/** Makes a task of its request's strict form and what it does. */
export function defineTask<Request, Result>(
  schema: z.ZodType<Request>,
  run: (request: Request, context: TaskContext) => Promise<Outcome<Result>>,
): Task<Request, Result> {
  return {
    run,
    perform: async (request, context) => {
      const parsed = schema.safeParse(request)
      if (!parsed.success) {
        const { where, what } = firstIssue(parsed.error, 'the request')
        throw new InputError('input-invalid', `${where}: ${what}`, {
          subject: where,
          remedy: 'Use steps and agent of one version.',
        })
      }
      const { result, events } = await run(parsed.data, context)
      return { result: asJson(result), events }
    },
  }
}

/** A value of JSON members as JSON: what is not set has no place there. */
export function asJson(value: unknown): JsonValue {
  return JSON.parse(JSON.stringify(value)) as JsonValue
}
