import { readFile } from 'node:fs/promises'
import type { WorkFolder } from '../context.ts'
import { parseInventory } from '../../image/inventory.ts'
import { sha256 } from '../../base/streams.ts'
import { replaceFile } from '../../base/files.ts'
import type { Image, LayerFacts, PassResult } from '../../image/types.ts'
import type { Digest, Store } from '../../oci/types.ts'
import type { Catalogue } from '../../sbom/model.ts'
import type { Described } from '../../sbom/scan.ts'
import { version } from '../../base/version.ts'

/** What one pass found, kept for later steps of the same job. The gate never reads it (DESIGN §1.11). */
interface Kept {
  version: string
  /** The blobs that were read, and what they unpack to. */
  layers: { blob: Digest; mediaType: string; diffId: Digest; size: number; omitted?: number | undefined }[]
  inventory: Digest
  catalogue: Catalogue
}

/** Keeps a pass in the work folder, under the configuration's digest, with the digests of the blobs that it read. */
export async function keepPass(
  work: WorkFolder,
  { pass, inventoryDocument }: Pick<Described, 'pass' | 'inventoryDocument'>,
  catalogue: Catalogue,
): Promise<void> {
  const path = await place(work, pass.image)
  const layers = pass.layers.map(({ descriptor: { digest, mediaType }, diffId, size, omitted }) => ({
    blob: digest,
    mediaType,
    diffId,
    size,
    omitted,
  }))
  const kept: Kept = { version, layers, inventory: inventoryDocument.digest, catalogue }
  await put(`${path}.inventory`, inventoryDocument.chunks())
  // Last: a file that names an inventory that is not there would be of no use.
  await put(`${path}.json`, JSON.stringify(kept))
}

/**
 * A pass of this job over the same blobs, or null where there is none that can be used. That they are the same is not taken from the store's
 * word: each is read and hashed, which costs less than unpacking it.
 *
 * @throws VerificationError `digest-mismatch`, `missing-blob` where a blob of this store is not what its descriptor says
 */
export async function keptPass(
  work: WorkFolder,
  store: Store,
  image: Image,
): Promise<{ pass: PassResult; catalogue: Catalogue } | null> {
  const found = await readKept(await place(work, image), image)
  if (found === null) return null
  const blobs = new Map(image.manifest.layers.map((layer) => [layer.digest, layer]))
  for (const layer of blobs.values()) for await (const chunk of await store.openBlob(layer)) void chunk
  return found
}

async function readKept(path: string, image: Image): Promise<{ pass: PassResult; catalogue: Catalogue } | null> {
  try {
    const kept = JSON.parse(await readFile(`${path}.json`, 'utf8')) as Kept
    const bytes = await readFile(`${path}.inventory`)
    const diffIds = image.config.rootfs.diff_ids
    if (kept.version !== version || sha256(bytes) !== kept.inventory || kept.layers.length !== diffIds.length)
      return null
    const layers: LayerFacts[] = []
    for (const [index, descriptor] of image.manifest.layers.entries()) {
      const layer = kept.layers[index]
      if (layer === undefined || layer.diffId !== diffIds[index]) return null
      // Another form of the same layer (encrypted, recompressed) is another blob, which no one has unpacked.
      if (layer.blob !== descriptor.digest || layer.mediaType !== descriptor.mediaType) return null
      const { diffId, size, omitted } = layer
      layers.push({ descriptor, diffId, size, ...(omitted === undefined ? {} : { omitted }) })
    }
    return { pass: { image, layers, inventory: parseInventory(bytes) }, catalogue: kept.catalogue }
  } catch {
    // A cache that cannot be read costs a second pass and nothing else.
    return null
  }
}

async function place(work: WorkFolder, image: Image): Promise<string> {
  return work.path('pass', image.configDigest.slice(7))
}

async function put(path: string, bytes: string | Iterable<Uint8Array>): Promise<void> {
  await replaceFile(path, bytes)
}
