import { z } from 'zod'
import { fromBase64, toBase64 } from '../../encoding/base64.ts'
import { digestSchema } from '../../journal/event.ts'
import type { Agent } from '../agent.ts'
import { kbsUri } from '../keks.ts'
import { statusSchema, type TaskAgent } from '../protocol.ts'
import type { AgentCall } from './table.ts'

const uri = z.string().max(512).regex(kbsUri)
const serverKey = digestSchema.nullable()
/** The KBS that a key is for, as `encrypt` and `kbs-publish` were given it: a URL, or `embedded:` and a folder. */
const kbs = z.string().min(1).max(2048)
const bytes = z.string()
const nothing = z.strictObject({})

type Call = (args: unknown, agent: Agent) => Promise<unknown>

function call<T>(schema: z.ZodType<T>, run: (args: T, agent: Agent) => unknown): Call {
  return async (args, agent) => run(schema.parse(args), agent)
}

/** What a worker may ask, the agent's side. */
export const callHandlers: Readonly<Record<AgentCall, Call>> = {
  status: call(nothing, (_args, agent) => agent.status()),
  'may-sign': call(
    z.strictObject({ subject: digestSchema.nullable(), payload: digestSchema.nullable() }),
    (args, agent) => {
      agent.maySign(args)
      return {}
    },
  ),
  'create-key': call(z.strictObject({ uri, kbs, serverKey }), (args, agent) => {
    agent.keks.create(args.uri, args.kbs, args.serverKey)
    return {}
  }),
  wrap: call(z.strictObject({ uri, plaintext: bytes }), (args, agent) => {
    const { wrapped, iv } = agent.keks.wrap(args.uri, fromBase64(args.plaintext, 'plaintext'))
    return { wrapped: toBase64(wrapped), iv: toBase64(iv) }
  }),
  unwrap: call(z.strictObject({ uri, wrapped: bytes, iv: bytes }), (args, agent) => ({
    plaintext: toBase64(agent.keks.unwrap(args.uri, fromBase64(args.wrapped, 'wrapped'), fromBase64(args.iv, 'iv'))),
  })),
  'take-key': call(z.strictObject({ uri, kbs }), (args, agent) => {
    const found = agent.keks.takeFor(args.uri, args.kbs)
    return { key: toBase64(found.key), serverKey: found.serverKey }
  }),
  decrypt: call(z.strictObject({ jwe: z.string() }), async (args, agent) => ({
    plaintext: toBase64(await agent.keys.decrypt(args.jwe)),
  })),
  report: call(z.strictObject({ nonce: z.string().min(1).max(1024) }), (args, agent) => agent.report(args.nonce)),
  'open-report': call(nothing, (_args, agent) => {
    const { binding, evidence } = agent.openReport()
    return { binding: toBase64(binding), evidence: toBase64(evidence) }
  }),
  'attach-ear': call(z.strictObject({ ear: z.string().max(120 * 1024) }), (args, agent) => {
    agent.attachEar(args.ear)
    return {}
  }),
}

const b64 = z.base64().transform((text) => Buffer.from(text, 'base64'))

/** The same calls, the worker's side. */
export function taskAgent(ask: (name: AgentCall, args: Record<string, string | null>) => Promise<unknown>): TaskAgent {
  return {
    status: async () => statusSchema.parse(await ask('status', {})),
    maySign: async ({ subject, payload }) => {
      await ask('may-sign', { subject, payload })
    },
    createKey: async (keyUri, { name, serverKey: shown }) => {
      await ask('create-key', { uri: keyUri, kbs: name, serverKey: shown })
    },
    wrap: async (keyUri, plaintext) =>
      z
        .strictObject({ wrapped: b64, iv: b64 })
        .parse(await ask('wrap', { uri: keyUri, plaintext: toBase64(plaintext) })),
    unwrap: async (keyUri, wrapped, iv) => {
      const answer = await ask('unwrap', { uri: keyUri, wrapped: toBase64(wrapped), iv: toBase64(iv) })
      return z.strictObject({ plaintext: b64 }).parse(answer).plaintext
    },
    takeKey: async (keyUri, forKbs) => {
      const answer = await ask('take-key', { uri: keyUri, kbs: forKbs })
      const { key, serverKey: wanted } = z.strictObject({ key: b64, serverKey }).parse(answer)
      return { bytes: key, serverKey: wanted }
    },
    decryptJwe: async (jwe) => z.strictObject({ plaintext: b64 }).parse(await ask('decrypt', { jwe })).plaintext,
    report: async (nonce) =>
      z.strictObject({ evidence: z.unknown(), teePubkey: z.unknown() }).parse(await ask('report', { nonce })),
    openReport: async () => z.strictObject({ binding: b64, evidence: b64 }).parse(await ask('open-report', {})),
    attachEar: async (ear) => {
      await ask('attach-ear', { ear })
    },
  }
}
