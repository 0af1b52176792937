import { z } from 'zod'
import { toBase64 } from '../encoding/base64.ts'
import { digestSchema } from '../journal/event.ts'
import type { Agent } from './agent.ts'
import {
  eventFactsSchema,
  imageNameSchema,
  notationRequestSchema,
  signedStatementRequestSchema,
  statementRequestSchema,
} from './protocol.ts'

const kib = 1024
const nothing = z.strictObject({})
const simpleSigning = z.strictObject({ subject: digestSchema, dockerReference: imageNameSchema })

/** One thing that a caller may ask: the strict form of its body, how large that may be, what it does. */
export interface Operation {
  /** Most bytes of the body. */
  limit: number
  run(body: unknown, agent: Agent): Promise<unknown>
}

function operation<T>(limit: number, schema: z.ZodType<T>, run: (body: T, agent: Agent) => unknown): Operation {
  return { limit, run: async (body, agent) => run(schema.parse(body), agent) }
}

/** All that the socket offers; every caller counts as hostile (TRUST §4). `stop` is the server's own. */
export const operations: Readonly<Record<string, Operation>> = {
  status: operation(kib, nothing, (_body, agent) => agent.status()),
  journal: operation(kib, nothing, (_body, agent) => ({ journal: toBase64(agent.journal()) })),
  append: operation(4096 * kib, eventFactsSchema, (draft, agent) => agent.append(draft)),
  // Documents travel in base64: an inventory of a large image has some tens of megabytes.
  statement: operation(192 * 1024 * kib, statementRequestSchema, async (request, agent) => {
    const { payload, payloadDigest, envelope } = await agent.statement(request)
    // The payload is in the envelope already.
    return { payloadDigest, envelope, size: payload.length }
  }),
  'simple-signing': operation(4 * kib, simpleSigning, (body, agent) => {
    const { payload, signature } = agent.simpleSigning(body.subject, body.dockerReference)
    return { payload: toBase64(payload), signature: toBase64(signature) }
  }),
  notation: operation(192 * kib, notationRequestSchema, async (body, agent) => ({
    envelope: toBase64(await agent.notation(body)),
  })),
  'signed-statement': operation(192 * kib, signedStatementRequestSchema, async (body, agent) => ({
    statement: toBase64(await agent.signedStatement(body)),
  })),
  seal: operation(kib, nothing, async (_body, agent) => {
    const { index, documents } = await agent.seal()
    return { index, documents: documents.map((document) => ({ ...document, bytes: toBase64(document.bytes) })) }
  }),
}
