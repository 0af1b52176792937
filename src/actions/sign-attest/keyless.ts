import { InputError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import type { RawInputs } from '../../doors/context.ts'
import { optionalFile } from '../shared/optional.ts'
import type { SignRequest } from '../../tasks/sign/request.ts'

/** Inputs that mean nothing to another signer. */
const own = ['signing-config', 'trusted-root', 'identity-token'] as const

/**
 * Reads what signer `keyless` needs. No instance of Sigstore is a default: a signature by the public one stands in public logs for good.
 *
 * @throws InputError `input-missing`, `input-invalid`, `file-missing`
 */
export async function readKeyless(raw: RawInputs, signer: SignRequest['signer']): Promise<SignRequest['keyless']> {
  if (signer !== 'keyless') {
    const given = own.find((name) => raw.text(name) !== '')
    if (given === undefined) return null
    throw new InputError('input-invalid', `${given} was given, but the signer is ${signer}`, {
      subject: given,
      remedy: `Set \`signer: keyless\`, or leave \`${given}\` out.`,
    })
  }
  const config = raw.text('signing-config')
  if (config === '')
    throw new InputError('input-missing', 'signer: keyless needs a signing configuration', {
      subject: 'signing-config',
      remedy:
        'Name the signing configuration (JSON) of your Sigstore instance; or set `signing-config: public`, which publishes repository, workflow, commit and the hash of each statement for good.',
    })
  if (config !== 'public' && raw.text('trusted-root') === '')
    throw new InputError('input-missing', 'signer: keyless needs the trusted root of the instance', {
      subject: 'trusted-root',
      remedy: 'Name the trusted root (JSON) that belongs to the signing configuration.',
    })
  return {
    services: config === 'public' ? 'public' : await readNamedFile(raw.path('signing-config'), 'signing-config'),
    trustedRoot: await optionalFile(raw, 'trusted-root'),
    audience: raw.text('oidc-audience') || 'sigstore',
    token: await raw.secret('identity-token'),
  }
}
