import { z } from 'zod'
import { TransportError, type SealwrightError } from '../base/errors.ts'
import { errorFromRecord, errorRecordSchema } from './error-record.ts'
import type { Ports } from '../base/ports.ts'
import { evidenceIndexSchema } from '../journal/evidence-bundle.ts'
import { digestSchema, eventSchema, parseJournal } from '../journal/event.ts'
import { runTask } from './task-client.ts'
import { statusSchema, type AgentClient } from './protocol.ts'

const b64 = z.base64().transform((text) => Buffer.from(text, 'base64'))
const envelopeSchema = z.strictObject({
  payloadType: z.string(),
  payload: z.string(),
  signatures: z.array(z.strictObject({ sig: z.string(), keyid: z.string() })),
})

/** The agent behind a socket. Its answers are checked: the file that names the socket is not a secret. */
export function agentClient(socketPath: string, ports: Ports): AgentClient {
  async function ask<T>(operation: string, body: unknown, schema: z.ZodType<T>, timeoutMs = 120_000): Promise<T> {
    const response = await ports.http.request(`http://agent/v1/${operation}`, {
      method: 'POST',
      // Each request has a connection of its own: one kept open may be closed by the agent just when it is used again.
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify(body),
      socketPath,
      timeoutMs,
    })
    const answer: unknown = await response.json().catch(() => null)
    if (response.status !== 200) throw errorOf(operation, answer)
    const parsed = schema.safeParse(answer)
    if (parsed.success) return parsed.data
    throw new TransportError('agent-error', `the agent's answer to ${operation} is not understood`, {
      cause: parsed.error,
    })
  }
  const nothing = z.strictObject({})

  return {
    // Asked before anything else, also of sockets that may be dead or somebody else's.
    status: () => ask('status', {}, statusSchema, 10_000),
    append: ({ kind, inputs, outputs, result }) => ask('append', { kind, inputs, outputs, result }, eventSchema),
    journal: async () => parseJournal((await ask('journal', {}, z.strictObject({ journal: b64 }))).journal),
    statement: async (request) => {
      const schema = z.strictObject({ payloadDigest: digestSchema, envelope: envelopeSchema, size: z.int() })
      const { payloadDigest, envelope } = await ask('statement', request, schema)
      return { payload: Buffer.from(envelope.payload, 'base64'), payloadDigest, envelope }
    },
    simpleSigning: (subject, dockerReference) =>
      ask('simple-signing', { subject, dockerReference }, z.strictObject({ payload: b64, signature: b64 })),
    notation: async (request) => (await ask('notation', request, z.strictObject({ envelope: b64 }))).envelope,
    signedStatement: async (request) =>
      (await ask('signed-statement', request, z.strictObject({ statement: b64 }))).statement,
    seal: () =>
      ask(
        'seal',
        {},
        z.strictObject({
          index: evidenceIndexSchema,
          documents: z.array(z.strictObject({ mediaType: z.string(), digest: digestSchema, bytes: b64 })),
        }),
      ),
    task: (name, request, caller) => runTask(socketPath, name, request, caller, ports),
    stop: async () => {
      await ask('stop', {}, nothing, 10_000)
    },
  }
}

/** The agent's error as the class that it had there. */
function errorOf(operation: string, answer: unknown): SealwrightError {
  const parsed = z.object({ error: errorRecordSchema }).safeParse(answer)
  if (!parsed.success) return new TransportError('agent-error', `the agent refused ${operation} without saying why`)
  return errorFromRecord(parsed.data.error)
}
