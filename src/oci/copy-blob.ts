import type { ByteSource } from '../base/streams.ts'
import { emptyBytes, emptyConfig } from './artifact.ts'
import type { Descriptor, Store } from './types.ts'

/** A blob of more bytes is asked for before it is sent. */
const askedBlob = 1 << 20

/**
 * Copies blobs from one store to another. The source is read only where the target lacks the blob, and within one registry the blob is mounted.
 *
 * @param onRead hears of each blob that is read
 * @param absent the target most likely lacks what is copied
 */
export function blobCopier(
  from: Store,
  to: Store,
  onRead?: (blob: Descriptor) => void,
  absent = false,
): (blob: Descriptor) => Promise<void> {
  const mountFrom =
    from.location !== undefined && from.location.host === to.location?.host ? from.location.repository : undefined
  /** Opened when its first byte is wanted. */
  async function* bytesOf(blob: Descriptor): ByteSource {
    onRead?.(blob)
    // The configuration of every artifact, whose digest says what it is (image-spec 1.1, "Guidance for an Empty Descriptor").
    if (blob.digest === emptyConfig.digest && blob.size === emptyConfig.size) yield emptyBytes
    else yield* await from.openBlob(blob, { piecewise: to.piecewise })
  }
  return async (blob) => {
    const reopen = (): ByteSource => bytesOf(blob)
    const { digest, size } = blob
    // To ask first costs as much as to send a small blob, and saves minutes for a large one.
    await to.putBlob({
      stream: reopen(),
      reopen,
      expect: { digest, size },
      mountFrom,
      checked: true,
      absent: absent && size <= askedBlob,
    })
  }
}
