import { z } from 'zod'
import { digestSchema } from '../../journal/event.ts'
import { agentFileSchema } from '../files.ts'
import { startMessageSchema } from '../start-message.ts'

/** Where the machine's agent listens, unless its unit says otherwise. */
export const defaultMachineSocket = '/run/sealwright/agent.sock'

/**
 * What a job may ask of the machine's agent: one agent of its own. Technology, TPM, program and sockets are the admin's; what a job says of
 * itself goes no further than where the same words would from a job's own step.
 */
export const startRequestSchema = startMessageSchema
  .pick({ nonce: true, lifetime: true, run: true, watch: true })
  .extend({
    environment: z
      .record(z.string().regex(/^(?:GITHUB_|ACTIONS_ID_TOKEN_REQUEST_)[A-Z0-9_]{1,64}$/), z.string().max(8192))
      .refine((environment) => Object.keys(environment).length <= 200, 'more than 200 variables'),
  })
export type StartRequest = z.infer<typeof startRequestSchema>

export const startAnswerSchema = z.strictObject({
  file: agentFileSchema,
  /** This run has an agent already, and got it again. */
  reused: z.boolean(),
})
export type StartAnswer = z.infer<typeof startAnswerSchema>

export const machineStatusSchema = z.strictObject({
  version: z.string(),
  pid: z.int(),
  bootId: z.string(),
  /** Jobs that were started in this boot so far. */
  jobs: z.int(),
  /** Fingerprint of the run whose agent lives. */
  run: digestSchema.nullable(),
})
export type MachineStatus = z.infer<typeof machineStatusSchema>

export const requestLimit = 1 << 20
