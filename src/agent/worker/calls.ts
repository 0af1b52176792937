import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { fromBase64, toBase64 } from '../../encoding/base64.ts'
import { digestSchema } from '../../journal/event.ts'
import type { Agent } from '../agent.ts'
import { sealFor, type SealedEnd } from '../channel/sealed.ts'
import { kbsUri } from '../keks.ts'
import { statusSchema, type TaskAgent } from '../protocol.ts'
import type { AgentCall } from './table.ts'

const uri = z.string().max(512).regex(kbsUri)
const serverKey = digestSchema.nullable()
/** The KBS that a key is for, as `encrypt` and `kbs-publish` were given it: a URL, or `embedded:` and a folder. */
const kbs = z.string().min(1).max(2048)
const bytes = z.string()
const nothing = z.strictObject({})

/** Public key that an answer is sealed for (channel/sealed.ts). */
const to = z.string().max(64)

type Call = (args: unknown, agent: Agent, end: SealedEnd) => Promise<unknown>

function call<T>(schema: z.ZodType<T>, run: (args: T, agent: Agent, end: SealedEnd) => unknown): Call {
  return async (args, agent, end) => run(schema.parse(args), agent, end)
}

/** Seals a secret for the worker, and zeroes it: the agent lives on. */
function givenAway(worker: string, secret: Buffer): string {
  try {
    return sealFor(worker, secret, randomBytes)
  } finally {
    secret.fill(0)
  }
}

/** What a worker may ask, the agent's side. Secrets are sealed in both directions: `end` is the agent's for this task. */
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
  wrap: call(z.strictObject({ uri, sealed: bytes }), (args, agent, end) => {
    const plaintext = end.open(args.sealed)
    try {
      const { wrapped, iv } = agent.keks.wrap(args.uri, plaintext)
      return { wrapped: toBase64(wrapped), iv: toBase64(iv) }
    } finally {
      plaintext.fill(0)
    }
  }),
  unwrap: call(z.strictObject({ uri, wrapped: bytes, iv: bytes, to }), (args, agent) => {
    const plaintext = agent.keks.unwrap(args.uri, fromBase64(args.wrapped, 'wrapped'), fromBase64(args.iv, 'iv'))
    return { sealed: givenAway(args.to, plaintext) }
  }),
  'take-key': call(z.strictObject({ uri, kbs, to }), (args, agent) => {
    const found = agent.keks.takeFor(args.uri, args.kbs)
    // The key itself stays until the event of its publication is written.
    return { sealed: sealFor(args.to, found.key, randomBytes), serverKey: found.serverKey }
  }),
  decrypt: call(z.strictObject({ jwe: z.string(), to }), async (args, agent) => ({
    sealed: givenAway(args.to, await agent.keys.decrypt(args.jwe)),
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

/**
 * The same calls, the worker's side.
 *
 * @param agentEnd public key of the agent's end for this task, from the task's first message
 */
export function taskAgent(
  ask: (name: AgentCall, args: Record<string, string | null>) => Promise<unknown>,
  own: SealedEnd,
  agentEnd: string,
): TaskAgent {
  const sealed = z.string().transform((text) => own.open(text))
  const { to: ours } = own
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
        .parse(await ask('wrap', { uri: keyUri, sealed: sealFor(agentEnd, plaintext, randomBytes) })),
    unwrap: async (keyUri, wrapped, iv) => {
      const answer = await ask('unwrap', { uri: keyUri, wrapped: toBase64(wrapped), iv: toBase64(iv), to: ours })
      return z.strictObject({ sealed }).parse(answer).sealed
    },
    takeKey: async (keyUri, forKbs) => {
      const answer = await ask('take-key', { uri: keyUri, kbs: forKbs, to: ours })
      const { sealed: key, serverKey: wanted } = z.strictObject({ sealed, serverKey }).parse(answer)
      return { bytes: key, serverKey: wanted }
    },
    decryptJwe: async (jwe) => z.strictObject({ sealed }).parse(await ask('decrypt', { jwe, to: ours })).sealed,
    report: async (nonce) =>
      z.strictObject({ evidence: z.unknown(), teePubkey: z.unknown() }).parse(await ask('report', { nonce })),
    openReport: async () => z.strictObject({ binding: b64, evidence: b64 }).parse(await ask('open-report', {})),
    attachEar: async (ear) => {
      await ask('attach-ear', { ear })
    },
  }
}
