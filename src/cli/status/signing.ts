import { readKeyless } from '../../actions/sign-attest/keyless.ts'
import { readSigner } from '../../actions/shared/signer.ts'
import { InputError } from '../../base/errors.ts'
import type { RawInputs } from '../../doors/context.ts'
import { optional } from '../../actions/shared/optional.ts'
import { timestampUrl } from '../../log/timestamp/client.ts'
import type { NoticeSigning } from '../../tasks/status/signer.ts'

/** Reads who signs a notice. @throws InputError `input-missing`, `input-invalid` */
export async function readNoticeSigning(inputs: RawInputs): Promise<NoticeSigning> {
  const { signer, key } = await readSigner(inputs, ['keyless'])
  const keyless = await readKeyless(inputs, signer)
  if (keyless !== null) return { keyless }
  if (key === null) throw new InputError('input-missing', 'no key was given', { subject: 'key', remedy: 'Set `key`.' })
  return { key, timestamp: optional(inputs, 'timestamp', timestampUrl) }
}
