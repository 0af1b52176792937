import { InputError, VerificationError } from '../base/errors.ts'
import type { Log } from '../base/ports.ts'
import type { ByteSource } from '../base/streams.ts'
import type { Image } from '../image/types.ts'
import { blobCopier } from '../oci/copy-blob.ts'
import { inOneStep } from '../oci/lazy-store.ts'
import { manifestBytes } from '../oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Manifest, type Store } from '../oci/types.ts'
import { digestOfPacked } from './before-compression.ts'
import { decryptingAtOnce, otherContentRemedy, type Opening } from './cipher.ts'
import { CipherThread, type ThreadChoice } from './cipher-thread.ts'
import { isEncrypted, plainForm } from './decrypt.ts'
import { askingOnce, openKey, type DecryptionKeys } from './open-key.ts'
import { annotations, parsePublicOptions } from './options.ts'

/** A decrypted image, as it lies in the target. */
export interface DecryptedImage {
  readonly descriptor: Descriptor
  readonly layers: readonly { encrypted: Digest; plain: Digest }[]
}

/**
 * Decrypts the layers of an image into a store, each byte read once. MAC and plain digest are compared before a layer gets its name there; what was
 * written of one that fails is removed. All keys are opened before the first layer is read. The new manifest is canonical
 * JSON: that of an image whose plain manifest was canonical, too, has the digest that it had before it was encrypted.
 *
 * @throws InputError `input-invalid` for an image without encrypted layers; VerificationError `decryption-failed`
 */
export async function decryptImage(
  store: Store,
  image: Image,
  keys: DecryptionKeys,
  { target, tag, log, ...choice }: { target: Store; tag?: string | undefined; log?: Log | undefined } & ThreadChoice,
): Promise<DecryptedImage> {
  const { layers } = image.manifest
  if (!layers.some(isEncrypted)) {
    throw new InputError('input-invalid', `no layer of ${image.descriptor.digest} is encrypted`, {
      subject: 'image',
      remedy: 'Name an encrypted image, or copy this one as it is.',
    })
  }
  const once = askingOnce(keys)
  const plans: LayerPlan[] = []
  for (const layer of layers)
    plans.push(isEncrypted(layer) ? await planOf(layer, once) : { layer, plain: layer, open: null })
  const copy = blobCopier(store, target)
  await using aside = new CipherThread(choice)
  const descriptor = await inOneStep(target, async () => {
    for (const [index, plan] of plans.entries()) {
      const { layer, open } = plan
      log?.progress(`layer ${index + 1} of ${layers.length} (${layer.size} bytes)`)
      if (open === null) {
        await copy(layer)
        continue
      }
      const read = (): Promise<ByteSource> => store.openBlob(layer, { piecewise: true, ownCheck: true })
      const put = async (): Promise<unknown> => {
        const source = await read()
        const stream = aside.takes(layer) ? aside.decrypting(source, open) : decryptingAtOnce(source, open)
        return target.putBlob({ stream, expect: { digest: plan.plain.digest, size: plan.plain.size } })
      }
      await put().catch(async (error: unknown) => {
        if (!isOtherDigest(error)) throw error
        const digest = await digestOfPacked(layer, decryptingAtOnce(await read(), open), plan.plain.digest)
        if (digest === null) throw asFailure(layer, error)
        plan.plain = { ...plan.plain, digest }
        await put()
      })
    }
    await copy(image.manifest.config)
    const manifest: Manifest = { ...image.manifest, layers: plans.map(({ plain }) => plain) }
    return target.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag })
  })
  return { descriptor, layers: plans.map(({ layer, plain }) => ({ encrypted: layer.digest, plain: plain.digest })) }
}

interface LayerPlan {
  layer: Descriptor
  plain: Descriptor
  /** What opens it; null for a layer in clear. */
  open: Opening | null
}

async function planOf(layer: Descriptor, keys: DecryptionKeys): Promise<LayerPlan> {
  const hmac = parsePublicOptions(layer.annotations?.[annotations.publicOptions], layer.digest)
  const { key, nonce, digest } = await openKey(layer, keys)
  const { annotations: left = {}, ...form } = plainForm(layer)
  // A layer that had no annotations has none afterwards, so that the manifest is the one that was encrypted.
  const plain = { ...form, digest, ...(Object.keys(left).length === 0 ? {} : { annotations: left }) }
  return { layer, plain, open: { key, nonce, hmac, subject: layer.digest } }
}

/** The target compares the plain digest, which alone protects the nonce. */
function isOtherDigest(error: unknown): error is VerificationError {
  return error instanceof VerificationError && error.code === 'digest-mismatch'
}

function asFailure({ digest }: Descriptor, cause: VerificationError): VerificationError {
  return new VerificationError(
    'decryption-failed',
    `the layer ${digest} does not decrypt to what it says: ${cause.message}`,
    {
      subject: digest,
      cause,
      remedy: otherContentRemedy,
    },
  )
}
