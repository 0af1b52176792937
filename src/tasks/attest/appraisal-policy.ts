import { InputError } from '../../base/errors.ts'

/** Id of an appraisal policy at an Attestation Service. @throws InputError `input-invalid` */
export function appraisalPolicy(text: string): string {
  if (/^[A-Za-z0-9_.-]{1,64}$/.test(text)) return text
  throw new InputError('input-invalid', `trustee-policy: ${text} is no policy id`, {
    subject: 'trustee-policy',
    remedy: 'Write the id that the policy was uploaded under, without "_cpu".',
  })
}
