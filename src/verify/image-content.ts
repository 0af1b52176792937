import { VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import type { Image } from '../image/types.ts'
import { readAhead, readAll } from '../oci/read-ahead.ts'
import type { Store } from '../oci/types.ts'
import type { Described } from '../sbom/scan.ts'
import type { Opener, Subject } from './candidate.ts'
import { isEncrypted } from './encrypted.ts'
import type { FoundContent } from './found-content.ts'

/** Opens encrypted layers; without it an encrypted image is `not-checked`. */
export type ImageOpener = (store: Store, image: Image) => Promise<Opener>

/** Why an image cannot be looked into, or null. */
export function sealedContent({ image }: Subject, opener: ImageOpener | undefined): string | null {
  if (image === null || !isEncrypted(image) || opener !== undefined) return null
  return 'the image is encrypted and the gate was given no key: its content was not looked into'
}

/** One pass over the layers, whoever asks first; a refusal is kept, too. @param found what this run found in images before */
export function lazyContent(
  subject: Subject,
  opener: ImageOpener | undefined,
  ports: Pick<Ports, 'log' | 'threads'>,
  found?: FoundContent,
): () => Promise<Described> {
  let content: Promise<Described> | null = null
  return () => (content ??= readContent(subject, opener, ports, found))
}

async function readContent(
  { store, image }: Subject,
  opener: ImageOpener | undefined,
  { log, threads }: Pick<Ports, 'log' | 'threads'>,
  found: FoundContent | undefined,
): Promise<Described> {
  if (image === null) throw new VerificationError('missing-blob', 'the image could not be read')
  const { layers } = image.manifest
  const known = found?.get(image)
  if (known !== undefined) {
    // What these bytes unpack to is known; that the store has just these bytes is not.
    await readAll(store, layers)
    return known
  }
  const open = isEncrypted(image) ? await opener?.(store, image) : undefined
  const { describeImage } = await import('../sbom/scan.ts')
  // The walk goes from the top down.
  const ahead = readAhead(store, open === undefined ? layers.toReversed() : [])
  try {
    const described = await describeImage(ahead.store, image, { open, log, threads })
    found?.add(image, described)
    return described
  } catch (error) {
    // A damaged blob often fails as an archive first; that its bytes are not the described ones is the better reason.
    if (error instanceof VerificationError && ['format-invalid', 'decryption-failed'].includes(error.code))
      await readAll(store, layers)
    throw error
  } finally {
    ahead.close()
  }
}
