import { InputError } from '../../base/errors.ts'
import type { ByteSource } from '../../base/streams.ts'
import type { Image } from '../../image/types.ts'
import type { Descriptor, Store } from '../../oci/types.ts'
import type { TaskContext } from '../context.ts'
import { imageOpener, type KeyRequest } from '../keys.ts'

export type LayerOpener = (layer: Descriptor) => Promise<ByteSource>

/**
 * Runs `use` with what opens the layers of an image: nothing for a plain one, else the given key, the KBS (served meanwhile where it is
 * embedded), or the agent, which still holds the keys that this job made.
 *
 * @throws InputError `input-missing` for an encrypted image without a key
 */
export async function withOpener<T>(
  store: Store,
  image: Image,
  keys: KeyRequest,
  context: TaskContext,
  use: (open: LayerOpener | undefined) => Promise<T>,
): Promise<T> {
  const { isEncrypted, layerOpener } = await import('../../encrypt/decrypt.ts')
  if (!image.manifest.layers.some(isEncrypted)) return use(undefined)
  const opener = await imageOpener(keys, context)
  if (opener !== undefined) return use(await opener(store, image))
  const { agent } = context
  const held = new Set(agent === null ? [] : (await agent.status()).keys)
  if (agent === null || held.size === 0) {
    throw new InputError('input-missing', 'the image is encrypted, and no key was given', {
      subject: 'decryption-key',
      remedy: 'Give `decryption-key` or `kbs-url`, or describe the image before it is encrypted.',
    })
  }
  const unwrap = async (uri: string, wrapped: Buffer, iv: Buffer): Promise<Buffer | null> =>
    held.has(uri) ? agent.unwrap(uri, wrapped, iv) : null
  return use(layerOpener(store, { unwrap }, context.ports))
}
