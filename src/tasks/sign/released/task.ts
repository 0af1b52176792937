import { z } from 'zod'
import { InputError } from '../../../base/errors.ts'
import { collect, once } from '../../../base/streams.ts'
import { parseJson } from '../../../base/json.ts'
import { notationFor, signedStatementFor, type CoseContext } from '../../../agent/rules/cose.ts'
import { notationRequestSchema, signedStatementRequestSchema, type TaskAgent } from '../../../agent/protocol.ts'
import { firstIssue } from '../../../base/first-issue.ts'
import { fetchByPassport } from '../../../kbs/passport.ts'
import { checkKbsUrl, checkServiceUrl, isGrpc, parseKbsUri } from '../../../kbs/uri.ts'
import type { OpenedSigner } from '../../../sign/signers/types.ts'
import { noTpmByRest } from '../../attest/no-tpm.ts'
import { defineTask, type TaskContext } from '../../context.ts'
import { noAgent } from './no-agent.ts'
import { notReleased, readReleasedKey } from './read-key.ts'
import { spokenOf } from './spoken.ts'

export const releasedSignRequestSchema = z.strictObject({
  /** `kbs:///repository/type/tag` of the key. */
  uri: z.string().max(512),
  kbs: z.strictObject({
    url: z.string().max(2048),
    /** Attestation Service (REST) whose token over our binding is the passport. */
    asUrl: z.string().max(2048),
  }),
})
export type ReleasedSignRequest = z.infer<typeof releasedSignRequestSchema>

/** What the step asks for next. Bytes to sign come as `bytes`; the answer is delivered as `made`. */
export const askSchema = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('sign') }),
  z.strictObject({ ask: z.literal('notation'), request: notationRequestSchema }),
  z.strictObject({ ask: z.literal('signed-statement'), request: signedStatementRequestSchema }),
  z.strictObject({ ask: z.literal('end') }),
])
export type Ask = z.infer<typeof askSchema>

/** Largest question without its bytes, and most bytes that are signed at once: a statement with the SBOM of a large image. */
const limits = { ask: 256 << 10, bytes: 256 << 20 } as const

/**
 * Signs with a long-lived key that a KBS releases to this job by passport (TRUST §2, §7). The key lives in this worker alone, and only as long as
 * the step has something to sign. What is signed is judged by the agent's journal, never by who asks (TRUST §4).
 *
 * @throws InputError `no-agent`, `unsupported`, `file-invalid`; VerificationError `denied`, `decryption-failed`, `evidence-invalid`,
 *   `role-mismatch`, `claimed-steps`; TransportError `kbs-error`
 */
export const sign = defineTask(releasedSignRequestSchema, async (request, context) => {
  const { agent, caller } = context
  if (agent === null) throw noAgent(request.uri)
  const signer = await release(request, agent, context)
  await caller.deliver('public-key', once(Buffer.from(signer.publicKeyPem)))
  for (;;) {
    const next = readAsk(await collect(await caller.fetch('next'), limits.ask, 'next'))
    if (next.ask === 'end') return { result: null, events: [] }
    await caller.deliver('made', once(await answer(next, signer, agent, context)))
  }
})

async function release(
  { uri, kbs }: ReleasedSignRequest,
  agent: TaskAgent,
  { ports }: TaskContext,
): Promise<OpenedSigner> {
  const { technology } = await agent.status()
  if (technology === 'tpm' && !isGrpc(kbs.asUrl)) throw noTpmByRest()
  const holder = {
    technology,
    openReport: () => agent.openReport(),
    decryptJwe: (jwe: string) => agent.decryptJwe(jwe),
  }
  const [kbsUrl, asUrl] = [checkKbsUrl(kbs.url, 'kbs-url'), checkServiceUrl(kbs.asUrl)]
  let bytes: Buffer
  try {
    bytes = await fetchByPassport({ holder, asUrl, kbsUrl, ports })(parseKbsUri(uri))
  } catch (error) {
    throw notReleased(uri, error)
  }
  return readReleasedKey(uri, bytes)
}

async function answer(
  next: Exclude<Ask, { ask: 'end' }>,
  signer: OpenedSigner,
  agent: TaskAgent,
  { caller, ports }: TaskContext,
): Promise<Buffer> {
  if (next.ask === 'sign') {
    const bytes = await collect(await caller.fetch('bytes'), limits.bytes, 'bytes')
    await agent.maySign(spokenOf(bytes))
    return signer.sign(bytes)
  }
  const cose: CoseContext = {
    signer: await signer.cose(),
    now: ports.clock.now(),
    permit: (wanted) => agent.maySign(wanted),
  }
  return next.ask === 'notation' ? notationFor(next.request, cose) : signedStatementFor(next.request, cose)
}

/** The step is hostile like every caller. */
function readAsk(bytes: Buffer): Ask {
  const parsed = askSchema.safeParse(parseJson(bytes.toString('utf8'), 'next'))
  if (parsed.success) return parsed.data
  const { where, what } = firstIssue(parsed.error, 'the question')
  throw new InputError('input-invalid', `${where}: ${what}`, {
    subject: 'next',
    remedy: 'Use steps and agent of one version.',
  })
}
