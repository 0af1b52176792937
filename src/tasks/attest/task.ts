import { z } from 'zod'
import { InputError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import { defineTask } from '../context.ts'
import type { EarFinding } from './findings.ts'
import { askTrustee } from './trustee.ts'

export const attestRequestSchema = z.strictObject({
  /** Ask an Attestation Service or a KBS; null for a look at the open report alone. */
  trustee: z
    .strictObject({
      trusteeUrl: z.string().nullable(),
      trusteePolicy: z.string(),
      kbsUrl: z.string().nullable(),
      /** The step serves `trustee-keys`. */
      pinned: z.boolean(),
    })
    .nullable(),
})
export type AttestRequest = z.infer<typeof attestRequestSchema>

export interface AttestResult {
  /** JCS bytes of the open binding and its evidence, base64. */
  binding: string
  evidence: string
  ears: EarFinding[]
}

/** No file of keys is larger. */
const keysLimit = 1 << 20

/** What setup needs of the agent's reports, and what an Attestation Service or KBS says of them. The first token stays with the evidence. */
export const attest = defineTask(attestRequestSchema, async ({ trustee }, { agent, caller, ports }) => {
  if (agent === null) throw new InputError('no-agent', 'no agent runs in this job', { subject: 'attest' })
  const ears =
    trustee === null
      ? []
      : await askTrustee(
          agent,
          (await agent.status()).technology,
          {
            trusteeUrl: trustee.trusteeUrl,
            trusteePolicy: trustee.trusteePolicy,
            kbsUrl: trustee.kbsUrl,
            keys: trustee.pinned ? await collect(await caller.fetch('trustee-keys'), keysLimit, 'trustee-keys') : null,
          },
          ports,
        )
  const { binding, evidence } = await agent.openReport()
  const result: AttestResult = { binding: binding.toString('base64'), evidence: evidence.toString('base64'), ears }
  return { result, events: [] }
})
