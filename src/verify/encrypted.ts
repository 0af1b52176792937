import type { Image } from '../image/types.ts'
import { mediaTypes } from '../oci/types.ts'

/** Whether any layer is encrypted. */
export function isEncrypted(image: Image): boolean {
  return image.manifest.layers.some((layer) => layer.mediaType.endsWith(mediaTypes.encryptedSuffix))
}
