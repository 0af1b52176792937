import type { z } from 'zod'
import type { JobState } from '../agent/job-state.ts'
import type { TaskAgent } from '../agent/protocol.ts'
import { InputError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import type { ByteSource } from '../base/streams.ts'
import type { EventFacts } from '../journal/event.ts'
import type { StepsFacts } from '../statement/isolation.ts'

/**
 * What the step that asked for a task gives and takes. A worker sees no path of the job (TRUST §4): the step reads and writes the job's files
 * with its own rights, by the names that the request has for them.
 */
export interface Caller {
  /** Bytes behind a name of the request: a build context, a policy's file, a plain layer. @throws InputError for a name that is not served */
  fetch(name: string): Promise<ByteSource>
  /** A secret of the request, read and masked by the step; null where there is none. */
  secret(name: string): Promise<Buffer | null>
  /** Takes a document or other output, for the step to write. */
  deliver(name: string, bytes: ByteSource): Promise<void>
}

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
        const [issue] = parsed.error.issues
        const place = issue?.path.join('.') ?? ''
        throw new InputError(
          'input-invalid',
          `the request of the task has another form: ${place} ${issue?.message ?? ''}`,
          {
            subject: place === '' ? 'task' : place,
            remedy: 'Use steps and agent of one version.',
          },
        )
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
