import { InputError } from '../../base/errors.ts'
import type { RawInputs } from '../../doors/context.ts'
import { kekBytes } from '../../encrypt/packet.ts'

/** The key of `data-key`; null where none was given. @throws InputError `input-invalid`, without the text that was given */
export async function readDataKey(inputs: RawInputs): Promise<Buffer | null> {
  const text = await inputs.secret('data-key')
  if (text === null) return null
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === kekBytes && bytes.toString('base64') === text) return bytes
  throw new InputError('input-invalid', 'data-key: does not hold 32 bytes in base64', {
    subject: 'data-key',
    remedy: 'Make one: openssl rand -base64 32',
  })
}
