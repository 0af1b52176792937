import { z } from 'zod'
import { InputError } from '../base/errors.ts'

const path = z.string().max(4096).default('')

/** Checks a {@link TeeChoice}; a member that is left out has its default. */
export const teeChoiceSchema = z.strictObject({
  /** `tpm-device`: a path or `swtpm:SOCKET`; empty for the machine's own TPM. */
  tpmDevice: path,
  /** Runtime register of a TPM, `pcr8` to `pcr15`; empty for `pcr14`. */
  register: z.string().max(16).default(''),
  /** File of the record that a registrar signed for the TPM's attestation key; empty for none. */
  akActivation: path,
  /** Kind of the TPM's attestation key; empty for P-256 where the TPM has it. */
  tpmKey: z.enum(['', 'ecc', 'rsa']).default(''),
  /** Folder or file of collateral that travels with the evidence; empty for none. */
  collateral: path,
})

/** What a machine's admin or a workflow chooses of a TEE: one record from the inputs to the collector. Each member has a default that fits most machines. */
export type TeeChoice = z.infer<typeof teeChoiceSchema>

export const defaultChoice: TeeChoice = teeChoiceSchema.parse({})

/** The runtime register that an input names; '' is the default. @throws InputError `input-invalid` */
export function runtimeRegister(text: string): string {
  if (/^(?:|pcr(?:8|9|1[0-5]))$/.test(text)) return text
  throw new InputError('input-invalid', `tpm-register: ${text} is no register for this`, {
    subject: 'tpm-register',
    remedy: 'Use one of pcr8 to pcr15; pcr14 is the default.',
  })
}
