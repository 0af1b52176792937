import { z } from 'zod'
import {
  InputError,
  InternalError,
  inputCodes,
  reasonCodes,
  TransportError,
  transportCodes,
  VerificationError,
  type SealwrightError,
} from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { toBase64 } from '../encoding/base64.ts'
import { evidenceIndexSchema } from '../journal/evidence-bundle.ts'
import { digestSchema, eventSchema, parseJournal } from '../journal/event.ts'
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
    seal: () =>
      ask(
        'seal',
        {},
        z.strictObject({
          index: evidenceIndexSchema,
          documents: z.array(z.strictObject({ mediaType: z.string(), digest: digestSchema, bytes: b64 })),
        }),
      ),
    createKey: async (uri) => {
      await ask('create-key', { uri }, nothing)
    },
    wrap: (uri, plaintext) =>
      ask('wrap', { uri, plaintext: toBase64(plaintext) }, z.strictObject({ wrapped: b64, iv: b64 })),
    unwrap: async (uri, wrapped, iv) => {
      const body = { uri, wrapped: toBase64(wrapped), iv: toBase64(iv) }
      return (await ask('unwrap', body, z.strictObject({ plaintext: b64 }))).plaintext
    },
    takeKey: async (uri) => (await ask('take-key', { uri }, z.strictObject({ key: b64 }))).key,
    decryptJwe: async (jwe) => (await ask('decrypt', { jwe }, z.strictObject({ plaintext: b64 }))).plaintext,
    report: (nonce) => ask('report', { nonce }, z.strictObject({ evidence: z.unknown(), teePubkey: z.unknown() })),
    openReport: () => ask('open-report', {}, z.strictObject({ binding: b64, evidence: b64 })),
    attachEar: async (ear) => {
      await ask('attach-ear', { ear }, nothing)
    },
    stop: async () => {
      await ask('stop', {}, nothing, 10_000)
    },
  }
}

const recordSchema = z.object({
  code: z.string(),
  message: z.string(),
  subject: z.string().nullable(),
  remedy: z.string().nullable(),
})

/** The agent's error as the class that it had there. */
function errorOf(operation: string, answer: unknown): SealwrightError {
  const parsed = z.object({ error: recordSchema }).safeParse(answer)
  if (!parsed.success) return new TransportError('agent-error', `the agent refused ${operation} without saying why`)
  return fromRecord(parsed.data.error)
}

/** An error record that another process of ours gave, as an error again. */
export function fromRecord(record: z.infer<typeof recordSchema>): SealwrightError {
  const { message } = record
  const details = { subject: record.subject ?? undefined, remedy: record.remedy ?? undefined }
  const code = <T extends string>(codes: readonly T[]): T | undefined => codes.find((item) => item === record.code)
  const reason = code(reasonCodes)
  if (reason !== undefined) return new VerificationError(reason, message, details)
  const input = code(inputCodes)
  if (input !== undefined) return new InputError(input, message, details)
  const transport = code(transportCodes)
  if (transport !== undefined) return new TransportError(transport, message, details)
  return new InternalError(message, details)
}
