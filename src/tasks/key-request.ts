import type { Caller } from '../agent/caller.ts'
import type { Ports } from '../base/ports.ts'
import type { KeyRequest } from './keys.ts'

/** What the way to a key is chosen by; the same inputs in every action that reads an encrypted image. */
export interface KeyInputs {
  decryptionKey: string | null
  /** '' for none. */
  kbsUrl: string
  /** Attestation Service whose token is the passport to a KBS that is not embedded; '' for none. */
  trusteeUrl: string
}

/** Runs a task with the way to keys that the inputs name; an embedded KBS is served meanwhile. */
export async function withKeyRequest<T>(
  { decryptionKey, kbsUrl, trusteeUrl }: KeyInputs,
  ports: Ports,
  use: (request: KeyRequest) => Promise<T>,
): Promise<T> {
  if (decryptionKey !== null) return use({ decryptionKey: true, kbs: null })
  if (kbsUrl === '') return use({ decryptionKey: false, kbs: null })
  const { withKbs } = await import('../kbs-server/connect.ts')
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
