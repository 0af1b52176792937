import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { RawInputs } from '../../doors/context.ts'
import type { Caller } from '../../agent/caller.ts'
import type { KeyRequest } from '../../tasks/keys.ts'

/** What the way to a key is chosen by; the same inputs in every action that reads an encrypted image. */
export interface KeyInputs {
  decryptionKey: string | null
  /** '' for none. */
  kbsUrl: string
  /** Attestation Service whose token is the passport to a KBS that is not embedded; '' for none. */
  trusteeUrl: string
}

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

/** Runs a task with the way to keys that the inputs name; an embedded KBS is served meanwhile. */
export async function withKeyRequest<T>(
  { decryptionKey, kbsUrl, trusteeUrl }: KeyInputs,
  ports: Ports,
  use: (request: KeyRequest) => Promise<T>,
): Promise<T> {
  if (decryptionKey !== null) return use({ decryptionKey: true, kbs: null })
  if (kbsUrl === '') return use({ decryptionKey: false, kbs: null })
  const { withKbs } = await import('../../kbs-server/connect.ts')
  return withKbs(
    kbsUrl,
    ports,
    (kbs) => use({ decryptionKey: false, kbs: { url: kbs.url, asUrl: kbs.asUrl, embedded: kbs.embedded !== null } }),
    trusteeUrl === '' ? null : trusteeUrl,
  )
}

/** Serves the secret of {@link withKeyRequest}. */
export function keySecret({ decryptionKey }: KeyInputs): Caller['secret'] {
  return (name) =>
    Promise.resolve(name === 'decryption-key' && decryptionKey !== null ? Buffer.from(decryptionKey) : null)
}
