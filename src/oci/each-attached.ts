import { VerificationError } from '../base/errors.ts'
import type { OnBroken } from './referrers.ts'
import type { Descriptor, Digest, Store } from './types.ts'

/**
 * Reads the referrers of one artifact type one after the other; none is kept.
 *
 * @param onBroken hears of a referrer that `read` refuses: strangers may attach what they like
 */
export async function* eachAttached<T>(
  store: Store,
  subject: Pick<Descriptor, 'digest'>,
  artifactType: string,
  read: (manifest: Digest) => Promise<T>,
  onBroken: OnBroken,
): AsyncGenerator<T> {
  for (const { digest } of await store.referrers(subject.digest, artifactType)) {
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

/** Bytes of attached documents that a list of them holds. */
const heldBytes = 64 << 20

/** What a list still has room for. Strangers attach what they like, so memory is bounded in bytes, and what is left out is told. */
export interface Room {
  /** @throws VerificationError `not-checked` for a document that there is no room for */
  take(document: Pick<Descriptor, 'digest' | 'size'>): void
}

export function openRoom(bytes = heldBytes): Room {
  let left = bytes
  return {
    take({ digest, size }) {
      if (size > left) {
        const why = `was not read, because more than ${bytes} bytes of such documents are attached`
        throw new VerificationError('not-checked', `${digest} ${why}`, { subject: digest })
      }
      left -= size
    },
  }
}
