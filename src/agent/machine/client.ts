import { z } from 'zod'
import { InternalError, TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { errorFromRecord, errorRecordSchema } from '../error-record.ts'
import {
  machineStatusSchema,
  startAnswerSchema,
  type MachineStatus,
  type StartAnswer,
  type StartRequest,
} from './protocol.ts'

const errorSchema = z.object({
  error: errorRecordSchema,
})

/** Says what keeps a job from the socket: most often its group. */
function unreachable(socketPath: string, cause: unknown): unknown {
  if (!(cause instanceof TransportError)) return cause
  const denied = cause.message.includes('EACCES')
  const why = denied ? 'this user may not connect' : cause.message
  return new TransportError('agent-error', `the machine's agent at ${socketPath} cannot be reached: ${why}`, {
    subject: 'agent-socket',
    cause,
    remedy: denied
      ? "Put this user into the group of the socket (sealwright-job), or set `agent-socket: none` for an agent of the job's own."
      : 'See what it says: journalctl -u sealwright-agent.',
  })
}

/** The machine's agent behind its socket, as a job sees it. */
export function machineClient(
  socketPath: string,
  ports: Ports,
): { status(): Promise<MachineStatus>; start(request: StartRequest): Promise<StartAnswer> } {
  async function ask<T>(operation: string, body: unknown, schema: z.ZodType<T>, timeoutMs: number): Promise<T> {
    const response = await ports.http
      .request(`http://machine/v1/${operation}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify(body),
        socketPath,
        timeoutMs,
      })
      .catch((error: unknown) => {
        throw unreachable(socketPath, error)
      })
    const answer: unknown = await response.json().catch(() => null)
    if (response.status !== 200) {
      const failed = errorSchema.safeParse(answer)
      throw failed.success
        ? errorFromRecord(failed.data.error)
        : new InternalError(`the machine's agent refused ${operation}`)
    }
    const parsed = schema.safeParse(answer)
    if (parsed.success) return parsed.data
    throw new TransportError('agent-error', `the machine agent's answer to ${operation} is not understood`, {
      subject: socketPath,
      cause: parsed.error,
      remedy: 'Its version may differ from this one.',
    })
  }
  return {
    status: () => ask('status', {}, machineStatusSchema, 10_000),
    // Making keys, asking for a token and a report may take a while.
    start: (request) => ask('start', request, startAnswerSchema, 120_000),
  }
}
