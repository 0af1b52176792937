import type { Store } from '../oci/types.ts'
import type { Image, PassReader, PassResult } from './types.ts'
import type { PassOptions } from './layer-stream.ts'
import { walkImage } from './walk.ts'

export type { PassOptions } from './layer-stream.ts'

/**
 * Reads every layer of an image once, from the top down, checks each blob's digest and each diff id, and gives the merged root file
 * system with the SHA-256 of every file. Readers get the bytes they want of visible files while these flow by. Memory is bounded by the
 * number of entries and by what readers want, not by the size of layers.
 *
 * @throws VerificationError `digest-mismatch`, `missing-blob`, `path-escape`, `format-invalid`, `not-checked` (an encrypted layer without `open`)
 */
export async function passImage(
  store: Store,
  image: Image,
  readers: readonly PassReader[],
  options: PassOptions = {},
): Promise<PassResult> {
  const { layers, inventory } = await walkImage(store, image, readers, options)
  return { image, layers, inventory }
}
