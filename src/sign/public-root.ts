import { VerificationError } from '../base/errors.ts'
import { parseTrustedRoot, type TrustedRoot } from './trusted-root.ts'

/** TUF repository of Sigstore's public instance. */
export const publicInstance = 'https://tuf-repo-cdn.sigstore.dev'

/**
 * The trusted root of Sigstore's public instance, as it was when the pinned version of `@sigstore/tuf` was released. No network is used, so a
 * key that the instance got later is not known; give a trusted root by file then.
 *
 * @throws VerificationError `format-invalid`
 */
export async function publicGoodRoot(): Promise<TrustedRoot> {
  const { default: seeds } = await import('@sigstore/tuf/seeds.json', { with: { type: 'json' } })
  const what = 'the trusted root of the public instance'
  const text = seeds[publicInstance].targets['trusted_root.json']
  if (text === '') throw new VerificationError('format-invalid', `${what} is empty`, { subject: what })
  return parseTrustedRoot(Buffer.from(text, 'base64'), what)
}

/** The pinned `root.json` of the public instance's TUF repository, as of the same release: newer ones are found from it. */
export async function publicTufRoot(): Promise<Buffer> {
  const { default: seeds } = await import('@sigstore/tuf/seeds.json', { with: { type: 'json' } })
  return Buffer.from(seeds[publicInstance]['root.json'], 'base64')
}
