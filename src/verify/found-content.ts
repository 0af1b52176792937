import type { Image } from '../image/types.ts'
import type { Digest } from '../oci/types.ts'
import type { Described } from '../sbom/scan.ts'
import { isEncrypted } from './encrypted.ts'

/** Paths of all images together whose content is remembered: their lists stay in memory. */
const mostPaths = 200_000

/** What the gate found in images during one run. */
export interface FoundContent {
  get(image: Image): Described | undefined
  add(image: Image, found: Described): void
}

/**
 * Remembers what the gate itself found in the layers of images, so that a copy is not unpacked a second time. The digest of a manifest fixes the
 * digest of each layer, so the same bytes hold the same files; whoever uses this still reads every layer of the copy and checks it against its digest.
 * It lives as long as one run: the cache of a job, in which a step may have written, is never asked (TRUST §5.11). An encrypted image is opened each time.
 */
export function foundContent(): FoundContent {
  const held = new Map<Digest, Described>()
  let room = mostPaths
  return {
    get: ({ descriptor, configDigest }) => {
      const known = held.get(descriptor.digest)
      return known?.pass.image.configDigest === configDigest ? known : undefined
    },
    add: (image, found) => {
      const paths = found.pass.inventory.length
      if (isEncrypted(image) || paths > room || held.has(image.descriptor.digest)) return
      room -= paths
      held.set(image.descriptor.digest, found)
    },
  }
}
