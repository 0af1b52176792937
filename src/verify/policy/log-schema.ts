import { z } from 'zod'
import { pinLog, type PinnedLog } from '../../log/pinned-log.ts'
import { parseWitnessKey } from '../../sign/cosignature.ts'

export const vkey = z
  .string()
  .max(512)
  .regex(/^[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$/, 'write a verifier key: NAME+HASH+BASE64')

/** The private log that must have every signature, and who watches it. */
export const logSchema = z
  .strictObject({
    key: vkey.describe('Verifier key of the log, as sealwright log init prints it; its name is the origin of the log'),
    witnesses: z
      .array(vkey)
      .min(1)
      .max(64)
      .optional()
      .describe('Verifier keys of the witnesses that may have cosigned'),
    quorum: z.int().min(1).max(64).optional().describe('How many of the witnesses must have cosigned; all by default'),
  })
  .refine(({ witnesses, quorum }) => quorum === undefined || witnesses !== undefined, {
    path: ['quorum'],
    message: 'a quorum needs witnesses',
  })

/** @throws InputError `file-invalid`, `input-invalid` (witnesses named twice, or fewer than the quorum) */
export function pinnedLogOf({ key, witnesses = [], quorum }: z.infer<typeof logSchema>): PinnedLog {
  const keys = witnesses.map((text) => parseWitnessKey(text, 'log.witnesses'))
  return pinLog(key, null, { keys, quorum: quorum ?? keys.length }, 'log.key')
}
