import { eachOf } from '../base/each-of.ts'
import type { Log } from '../base/ports.ts'
import { blobCopier } from './copy-blob.ts'
import { inOneStep } from './lazy-store.ts'
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
  const copyBlob = blobCopier(from, to, ({ digest: read, size }) =>
    options.log?.progress(`copying ${read.slice(7, 19)} (${size} bytes) to ${to.name}`),
  )
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
    return to.putManifest(bytes, descriptor.mediaType, { tag, digest: wanted })
  }
  if ((await from.resolve({ digest })) === null) throw missingBlob(digest, from.name)
  return inOneStep(to, () => copyManifest(digest, options.tag))
}
