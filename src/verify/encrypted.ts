import type { Image } from '../image/types.ts'
import { isEncryptedType } from '../oci/descriptor.ts'

/** Whether any layer is encrypted. */
export function isEncrypted(image: Image): boolean {
  return image.manifest.layers.some(({ mediaType }) => isEncryptedType(mediaType))
}

/** The same of what is judged; an image that could not be read is refused for that. */
export function encryptedSubject({ subject }: { subject: { image: Image | null } }): boolean {
  return subject.image !== null && isEncrypted(subject.image)
}
