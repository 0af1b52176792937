import { eachOf } from '../base/each-of.ts'
import type { Log } from '../base/ports.ts'
import { isIndex } from './manifest.ts'
import { missingBlob, referencedBlobs } from './referrers.ts'
import type { Descriptor, Digest, Store } from './types.ts'

const parallel = 3

/**
 * Copies an image: of an index the children first, of each manifest its blobs and then its exact bytes, the tag last. Blobs stream through and
 * are checked; what the target has is not read. Referrers stay behind.
 *
 * @returns descriptor of the copied manifest
 * @throws VerificationError `missing-blob`, `digest-mismatch`
 */
export async function copyImage(
  from: Store,
  to: Store,
  digest: Digest,
  options: { tag?: string | undefined; log?: Log | undefined } = {},
): Promise<Descriptor> {
  const done = new Set<Digest>()
  // A registry that has the blob in another repository need not be sent it again.
  const mountFrom =
    from.location !== undefined && from.location.host === to.location?.host ? from.location.repository : undefined
  const copyBlob = async (blob: Descriptor): Promise<void> => {
    const open = async (): Promise<AsyncIterable<Uint8Array>> => {
      options.log?.progress(`copying ${blob.digest.slice(7, 19)} (${blob.size} bytes) to ${to.name}`)
      return from.openBlob(blob)
    }
    // `putBlob` asks for the bytes only where the target lacks them.
    await to.putBlob({ stream: lazily(open), expect: { digest: blob.digest, size: blob.size }, mountFrom })
  }
  const copyManifest = async (wanted: Digest, tag: string | undefined): Promise<Descriptor> => {
    const { bytes, content, descriptor } = await from.getManifest(wanted)
    if (isIndex(content)) {
      for (const child of content.manifests) {
        if (done.has(child.digest)) continue
        done.add(child.digest)
        await copyManifest(child.digest, undefined)
      }
    } else {
      const blobs = referencedBlobs(content).filter((blob) => !done.has(blob.digest) && done.add(blob.digest))
      await eachOf(blobs, parallel, copyBlob)
    }
    return to.putManifest(bytes, descriptor.mediaType, { tag })
  }
  if ((await from.resolve({ digest })) === null) throw missingBlob(digest, from.name)
  return copyManifest(digest, options.tag)
}

/** A source that is opened when its first byte is wanted: the target may have the blob already. */
async function* lazily(open: () => Promise<AsyncIterable<Uint8Array>>): AsyncGenerator<Uint8Array> {
  yield* await open()
}
