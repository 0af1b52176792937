import { VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import type { ByteSource } from '../base/streams.ts'
import type { Image } from '../image/types.ts'
import type { Store } from '../oci/types.ts'
import type { Described } from '../sbom/scan.ts'
import type { Opener, Subject } from './candidate.ts'
import { isEncrypted } from './encrypted.ts'

/** Opens encrypted layers; without it an encrypted image is `not-checked`. */
export type ImageOpener = (store: Store, image: Image) => Promise<Opener>

/** Why an image cannot be looked into, or null. */
export function sealedContent({ image }: Subject, opener: ImageOpener | undefined): string | null {
  if (image === null || !isEncrypted(image) || opener !== undefined) return null
  return 'the image is encrypted and the gate was given no key: its content was not looked into'
}

/** One pass over the layers, whoever asks first; a refusal is kept, too. */
export function lazyContent(
  subject: Subject,
  opener: ImageOpener | undefined,
  ports: Pick<Ports, 'log' | 'threads'>,
): () => Promise<Described> {
  let content: Promise<Described> | null = null
  return () => (content ??= readContent(subject, opener, ports))
}

async function readContent(
  { store, image }: Subject,
  opener: ImageOpener | undefined,
  { log, threads }: Pick<Ports, 'log' | 'threads'>,
): Promise<Described> {
  if (image === null) throw new VerificationError('missing-blob', 'the image could not be read')
  const open = isEncrypted(image) ? await opener?.(store, image) : undefined
  const { describeImage } = await import('../sbom/scan.ts')
  try {
    return await describeImage(store, image, { open, log, threads })
  } catch (error) {
    // A damaged blob often fails as an archive first; that its bytes are not the described ones is the better reason.
    if (error instanceof VerificationError && ['format-invalid', 'decryption-failed'].includes(error.code))
      await readWhole(store, image)
    throw error
  }
}

/** @throws VerificationError `digest-mismatch`, `missing-blob` for the first layer that is not what its descriptor says */
async function readWhole(store: Store, image: Image): Promise<void> {
  for (const layer of image.manifest.layers) {
    await readToEnd(await store.openBlob(layer))
  }
}

async function readToEnd(source: ByteSource): Promise<number> {
  let size = 0
  for await (const chunk of source) size += chunk.length
  return size
}
