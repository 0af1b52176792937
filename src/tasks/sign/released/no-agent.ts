import { InputError } from '../../../base/errors.ts'

/** A KBS releases a signing key to an attested agent only, also where the embedded one would take sample evidence of anybody. */
export function noAgent(uri: string): InputError {
  return new InputError('no-agent', `signer: no agent runs in this job, so the KBS releases ${uri} to nobody here`, {
    subject: 'signer',
    remedy: 'Run setup-cvm-runner first: the key is released to an attested agent only.',
  })
}
