import { VerificationError } from '../base/errors.ts'
import type { OnBroken } from './referrers.ts'
import type { Descriptor, Digest, Store } from './types.ts'

/**
 * Reads the referrers of one artifact type one after the other; none is kept.
 *
 * @param onBroken hears of a referrer that `read` refuses: strangers may attach what they like
 * @param most referrers that are read
 */
export async function* eachAttached<T>(
  store: Store,
  subject: Pick<Descriptor, 'digest'>,
  artifactType: string,
  read: (manifest: Digest) => Promise<T>,
  onBroken: OnBroken,
  most = Infinity,
): AsyncGenerator<T> {
  for (const { digest } of (await store.referrers(subject.digest, artifactType)).slice(0, most)) {
    let found: T
    try {
      found = await read(digest)
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      onBroken({ manifest: digest, error })
      continue
    }
    yield found
  }
}
