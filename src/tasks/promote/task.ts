import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { digestSchema, roles, type EventFacts } from '../../journal/event.ts'
import { openStore } from '../../oci/open.ts'
import { parseReference } from '../../oci/reference.ts'
import type { Descriptor } from '../../oci/types.ts'
import { noSteps } from '../../statement/isolation.ts'
import { promotionClasses, type PromotionFacts } from '../../statement/promotion.ts'
import type { Verdict } from '../../verify/types.ts'
import { verifyEvent } from '../../verify/vsa/event.ts'
import { defineTask, type TaskEvent } from '../context.ts'
import { imageOpener, keyRequestSchema } from '../keys.ts'
import { givenPolicy } from '../verify/given-policy.ts'
import { recordFacts } from './facts.ts'
import { refusalOf, transfer, type Transfer } from './promote.ts'

export const promoteRequestSchema = z.strictObject({
  /** References; the folder of a layout is absolute. */
  from: z.string(),
  to: z.string(),
  /** Text of the policy and the path that it was read from; files beside it are fetched as `file:PATH`. */
  policy: z.strictObject({ text: z.string(), path: z.string() }),
  /** The step serves `collateral`, in place of the policy's own. */
  collateral: z.boolean(),
  filter: z.strictObject({ include: z.array(z.string()).max(256), exclude: z.array(z.string()).max(256) }),
  class: z.enum(promotionClasses).nullable(),
  /** What the receiver says in its record. */
  environment: z.string().min(1).max(1024).nullable(),
  supersedes: z.array(digestSchema).max(4096),
  dryRun: z.boolean(),
  keySource: z.string(),
  keys: keyRequestSchema,
})
export type PromoteTaskRequest = z.infer<typeof promoteRequestSchema>

export interface PromoteTaskResult {
  transfer: Transfer
  /** Facts of the record, whose RFC 8785 form the event names; null where nothing was promoted. */
  facts: PromotionFacts | null
}

const factsMediaType = 'application/vnd.sealwright.promotion.v1+json'

/** Verifies, copies and verifies again; tags and record are left to the step, which signs the record by the agent's rule or by its own key. */
export const promote = defineTask(promoteRequestSchema, async (request, context) => {
  const { ports, caller } = context
  const folder = await mkdtemp(join(ports.roots.temp, 'sealwright-promote-'))
  try {
    const { policy, collateral } = await givenPolicy(request, caller, folder)
    const opener = await imageOpener(request.keys, context)
    const { from, to, filter, dryRun, keySource } = request
    const gate = { collateral, opener, keySource }
    const word = { environment: request.environment, class: request.class, supersedes: request.supersedes }
    const done = await transfer({ from, to, policy, filter, word, dryRun, gate }, ports)
    const facts = refusalOf(done) === null ? recordFacts(done, word) : null
    const source = openStore(parseReference(from, ports.roots.cwd), ports)
    const subject = done.descriptor
    const result: PromoteTaskResult = { transfer: done, facts }
    const events: TaskEvent[] = [event(verifyEvent(done.source, { store: source, subject }))]
    if (done.target !== null) {
      const target = openStore(parseReference(done.place, ports.roots.cwd), ports)
      events.push(event(verifyEvent(done.target, { store: target, subject })))
      if (facts !== null) events.push(event(promoteEvent(done.target, facts, subject)))
    }
    return { result, events }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

function event(facts: EventFacts): TaskEvent {
  return { facts, isolation: noSteps }
}

/** What the agent's rule for the record rests on: `promotion` is the digest of its facts. */
function promoteEvent(verdict: Verdict, facts: PromotionFacts, subject: Descriptor): EventFacts {
  const { inputs, outputs } = verifyEvent(verdict, { store: { identity: facts.from.name }, subject })
  return {
    kind: 'promote',
    inputs,
    outputs: [
      ...outputs,
      { role: roles.promotion, name: facts.to.name, digest: sha256(jcs(facts)), mediaType: factsMediaType },
    ],
    result: { to: facts.to.name, copied: facts.copied.length, left: facts.left.length },
  }
}
