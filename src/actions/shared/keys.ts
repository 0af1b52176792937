import { InputError } from '../../base/errors.ts'
import type { RawInputs } from '../../doors/context.ts'
import type { KeyInputs } from '../../tasks/key-request.ts'

/** @throws InputError `input-invalid` where two ways are named */
export async function readKeyInputs(inputs: RawInputs): Promise<KeyInputs> {
  const decryptionKey = await inputs.secret('decryption-key')
  const kbsUrl = inputs.text('kbs-url')
  if (decryptionKey !== null && kbsUrl !== '') {
    throw new InputError('input-invalid', '`decryption-key` and `kbs-url` exclude each other, but both are set', {
      subject: 'kbs-url',
      remedy: 'Give one of them.',
    })
  }
  return { decryptionKey, kbsUrl, trusteeUrl: inputs.text('trustee-url') }
}
