import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { Ports } from '../../base/ports.ts'
import type { ByteSource } from '../../base/streams.ts'
import { launch, type LaunchKind } from '../../deploy/launch.ts'
import { loadImage } from '../../image/load.ts'
import type { Store } from '../../oci/types.ts'
import { isEncrypted } from '../../verify/encrypted.ts'
import type { Verdict } from '../../verify/types.ts'

export interface LaunchVerified {
  kind: LaunchKind
  verdict: Verdict
  store: Store
  directory: string
  /** Files of the plain layers of an encrypted image, by digest; removed afterwards. */
  layers: ReadonlyMap<string, string>
}

/** Starts what passed. @returns what was done, in one sentence each */
export async function launchVerified(
  { kind, verdict, store, directory, layers }: LaunchVerified,
  ports: Ports,
): Promise<string[]> {
  try {
    if (kind === 'none') return []
    if (!verdict.verified) return ['Nothing was launched: the image was refused.']
    const { digest } = verdict.image
    const image = await loadImage(store, digest)
    const encrypted = isEncrypted(image)
    const open =
      layers.size === 0
        ? undefined
        : async (layer: { digest: string }): Promise<ByteSource> => createReadStream(layers.get(layer.digest) ?? '')
    return await launch({ kind, store, image, digest, directory, encrypted, open }, ports)
  } finally {
    for (const path of layers.values()) await rm(path, { force: true })
  }
}
