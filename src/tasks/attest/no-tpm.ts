import { InputError } from '../../base/errors.ts'

/** The REST interface of an Attestation Service has no `tpm` in its list; its gRPC interface and a KBS have (coco.md §1.7). */
export function noTpmByRest(): InputError {
  return new InputError('unsupported', "an Attestation Service's REST interface takes no evidence of a TPM", {
    subject: 'trustee-url',
    remedy:
      'Give its gRPC interface (grpcs://HOST:PORT), `kbs-url` of a KBS whose Attestation Service has the tpm verifier, or `verifier: local`.',
  })
}
