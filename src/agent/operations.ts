import { z } from 'zod'
import { fromBase64, toBase64 } from '../encoding/base64.ts'
import { digestSchema } from '../journal/event.ts'
import type { Agent } from './agent.ts'
import { kbsUri } from './keks.ts'
import { eventFactsSchema, statementRequestSchema } from './protocol.ts'

const kib = 1024
const uri = z.string().max(512).regex(kbsUri)
const bytes = z.string().max(128 * kib)
const nothing = z.strictObject({})
/** A name that a pull can match: `host[:port]/path`, or `localhost/folder`. */
const dockerReference = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+~-]+)+$/)

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
  'simple-signing': operation(4 * kib, z.strictObject({ subject: digestSchema, dockerReference }), (body, agent) => {
    const { payload, signature } = agent.simpleSigning(body.subject, body.dockerReference)
    return { payload: toBase64(payload), signature: toBase64(signature) }
  }),
  seal: operation(kib, nothing, async (_body, agent) => {
    const { index, documents } = await agent.seal()
    return { index, documents: documents.map((document) => ({ ...document, bytes: toBase64(document.bytes) })) }
  }),
  'create-key': operation(kib, z.strictObject({ uri }), (body, agent) => {
    agent.keks.create(body.uri)
    return {}
  }),
  wrap: operation(256 * kib, z.strictObject({ uri, plaintext: bytes }), (body, agent) => {
    const { wrapped, iv } = agent.keks.wrap(body.uri, fromBase64(body.plaintext, 'plaintext'))
    return { wrapped: toBase64(wrapped), iv: toBase64(iv) }
  }),
  unwrap: operation(256 * kib, z.strictObject({ uri, wrapped: bytes, iv: bytes }), (body, agent) => ({
    plaintext: toBase64(agent.keks.unwrap(body.uri, fromBase64(body.wrapped, 'wrapped'), fromBase64(body.iv, 'iv'))),
  })),
  'take-key': operation(kib, z.strictObject({ uri }), (body, agent) => ({ key: toBase64(agent.keks.take(body.uri)) })),
  decrypt: operation(1024 * kib, z.strictObject({ jwe: z.string() }), async (body, agent) => ({
    plaintext: toBase64(await agent.keys.decrypt(body.jwe)),
  })),
  report: operation(4 * kib, z.strictObject({ nonce: z.string().min(1).max(1024) }), (body, agent) =>
    agent.report(body.nonce),
  ),
  'attach-ear': operation(128 * kib, z.strictObject({ ear: z.string().max(120 * kib) }), (body, agent) => {
    agent.attachEar(body.ear)
    return {}
  }),
  'open-report': operation(kib, nothing, (_body, agent) => {
    const { binding, evidence } = agent.openReport()
    return { binding: toBase64(binding), evidence: toBase64(evidence) }
  }),
}
