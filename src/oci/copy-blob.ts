import type { ByteSource } from '../base/streams.ts'
import type { Descriptor, Store } from './types.ts'

/**
 * Copies blobs from one store to another. The source is read only where the target lacks the blob, and within one registry the blob is mounted.
 *
 * @param onRead hears of each blob that is read
 */
export function blobCopier(
  from: Store,
  to: Store,
  onRead?: (blob: Descriptor) => void,
): (blob: Descriptor) => Promise<void> {
  const mountFrom =
    from.location !== undefined && from.location.host === to.location?.host ? from.location.repository : undefined
  /** Opened when its first byte is wanted. */
  async function* bytesOf(blob: Descriptor): ByteSource {
    onRead?.(blob)
    yield* await from.openBlob(blob)
  }
  return async (blob) => {
    const reopen = (): ByteSource => bytesOf(blob)
    await to.putBlob({ stream: reopen(), reopen, expect: { digest: blob.digest, size: blob.size }, mountFrom })
  }
}
