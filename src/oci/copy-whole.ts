import { VerificationError } from '../base/errors.ts'
import { blobCopier } from './copy-blob.ts'
import { isIndex } from './manifest.ts'
import { referencedBlobs } from './referrers.ts'
import type { Digest, NewManifest, Store } from './types.ts'

/**
 * Copies the blobs of one attached manifest after the other. Anybody may attach something that is not whole (TRUST §5.2), so what is missing or
 * another than named is data.
 *
 * @param largest bytes that one blob may have
 * @returns a function that gives a manifest to put once its blobs are there, or why it is not whole
 */
export function attachmentCopier(
  from: Store,
  to: Store,
  largest = Infinity,
): (digest: Digest) => Promise<NewManifest | VerificationError> {
  const copyBlob = blobCopier(from, to)
  return async (digest) => {
    try {
      const { bytes, content, descriptor } = await from.getManifest(digest)
      const blobs = isIndex(content) ? [] : referencedBlobs(content)
      const large = blobs.find(({ size }) => size > largest)
      if (large !== undefined)
        throw new VerificationError('format-invalid', `it names a blob of ${large.size} bytes`, { subject: digest })
      for (const blob of blobs) await copyBlob(blob)
      return { bytes, mediaType: descriptor.mediaType }
    } catch (error) {
      if (error instanceof VerificationError) return error
      throw error
    }
  }
}
