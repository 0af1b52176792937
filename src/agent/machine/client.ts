import { z } from 'zod'
import { InternalError, TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { fromRecord } from '../client.ts'
import {
  machineStatusSchema,
  startAnswerSchema,
  type MachineStatus,
  type StartAnswer,
  type StartRequest,
} from './protocol.ts'

const errorSchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    subject: z.string().nullable(),
    remedy: z.string().nullable(),
  }),
})

/** The machine's agent behind its socket, as a job sees it. */
export function machineClient(
  socketPath: string,
  ports: Ports,
): { status(): Promise<MachineStatus>; start(request: StartRequest): Promise<StartAnswer> } {
  async function ask<T>(operation: string, body: unknown, schema: z.ZodType<T>, timeoutMs: number): Promise<T> {
    const response = await ports.http.request(`http://machine/v1/${operation}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify(body),
      socketPath,
      timeoutMs,
    })
    const answer: unknown = await response.json().catch(() => null)
    if (response.status !== 200) {
      const failed = errorSchema.safeParse(answer)
      throw failed.success
        ? fromRecord(failed.data.error)
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
