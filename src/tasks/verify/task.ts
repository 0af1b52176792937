import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../base/errors.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { digestSchema } from '../../journal/event.ts'
import { loadImage } from '../../image/load.ts'
import { resolveImage } from '../../oci/open.ts'
import { isEncrypted } from '../../verify/encrypted.ts'
import type { Verdict } from '../../verify/types.ts'
import { verifyImage } from '../../verify/verify-image.ts'
import { verifyEvent } from '../../verify/vsa/event.ts'
import { defineTask, type TaskContext } from '../context.ts'
import { imageOpener, keyRequestSchema } from '../keys.ts'
import { givenPolicy } from './given-policy.ts'
import { historyOf, lastLimit } from './log-memory.ts'
import { noSteps } from '../../statement/isolation.ts'

export const verifyRequestSchema = z.strictObject({
  /** Reference; a layout's folder is absolute. */
  image: z.string(),
  /** Text of the policy and the path that it was read from; files beside it are fetched as `file:PATH`. */
  policy: z.strictObject({ text: z.string(), path: z.string() }),
  /** The step serves `collateral`, in place of the policy's own. */
  collateral: z.boolean(),
  nonce: z.string().nullable(),
  /** Time to judge at; null for now. Refused in a worker of an agent. */
  at: z.iso.datetime().nullable(),
  /** `os/architecture[/variant]` of an index; null for the whole of what is named. */
  platform: z.string().nullable(),
  /** What the caller wants to find, so that a tag moved back is seen (TRUST §5.13). */
  expect: z.strictObject({ commit: z.string().nullable(), digest: digestSchema.nullable() }),
  /** Where the key of encrypted layers comes from, for the verdict's inputs. */
  keySource: z.string(),
  /** What is remembered of the log that the policy pins; null where it pins none. */
  log: z
    .strictObject({ last: z.base64().max(lastLimit).nullable(), place: z.string().max(4096).nullable() })
    .nullable(),
  keys: keyRequestSchema,
  /** Deliver the layers of an encrypted image in plain form, once the image passed: for a launch. */
  plainLayers: z.boolean(),
})
export type VerifyRequest = z.infer<typeof verifyRequestSchema>

export interface VerifyResult {
  verdict: Verdict
  /** The checkpoint to remember of the log that the policy pins, in base64; null to keep the old one. */
  checkpoint: string | null
}

/** The gate: replays the chain of one image against a policy. The verdict is data, also a refusal. */
export const verify = defineTask(verifyRequestSchema, async (request, context) => {
  const { ports, caller } = context
  // The agent signs a summary over what its worker verified: a caller could have expired evidence judged at a time when it was good.
  if (request.at !== null && ports.remote !== undefined)
    throw new InputError('unsupported', 'an agent judges at no other time than now', {
      subject: 'at',
      remedy: 'Ask for another time where no agent runs, as an audit on a laptop does.',
    })
  const folder = await mkdtemp(join(ports.roots.temp, 'sealwright-verify-'))
  try {
    const { policy, collateral } = await givenPolicy(request, caller, folder)
    const opener = await imageOpener(request.keys, context)
    const history = request.log === null ? undefined : historyOf(request.log, caller)
    const options = {
      history,
      opener,
      nonce: request.nonce ?? undefined,
      at: request.at === null ? undefined : new Date(request.at),
      platform: request.platform ?? undefined,
      expectCommit: request.expect.commit ?? undefined,
      expectDigest: request.expect.digest ?? undefined,
      keySource: request.keySource,
      collateral,
    }
    const verdict = await verifyImage(request.image, policy, options, ports)
    if (verdict.verified && request.plainLayers) await deliverLayers(request.image, verdict, opener, context)
    const learned = history?.learned ?? null
    const result: VerifyResult = { verdict, checkpoint: learned === null ? null : toBase64(learned) }
    const { store, descriptor: named } = await resolveImage(request.image, ports)
    const subject = await store.resolve({ digest: verdict.image.digest })
    const events =
      subject === null ? [] : [{ facts: verifyEvent(verdict, { store, subject }, named), isolation: noSteps }]
    return { result, events }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

async function deliverLayers(
  text: string,
  verdict: Verdict,
  opener: Awaited<ReturnType<typeof imageOpener>>,
  { ports, caller }: TaskContext,
): Promise<void> {
  const { store } = await resolveImage(text, ports)
  const image = await loadImage(store, verdict.image.digest)
  if (!isEncrypted(image)) return
  const open = await opener?.(store, image)
  if (open === undefined) return
  for (const layer of image.manifest.layers) await caller.deliver(`layer:${layer.digest}`, await open(layer))
}
