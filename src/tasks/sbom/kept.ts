import { readFile } from 'node:fs/promises'
import type { WorkFolder } from '../context.ts'
import { parseInventory } from '../../image/inventory.ts'
import { sha256 } from '../../base/streams.ts'
import { replaceFile } from '../../base/files.ts'
import type { Image, LayerFacts, PassResult } from '../../image/types.ts'
import type { Digest } from '../../oci/types.ts'
import type { Catalogue } from '../../sbom/model.ts'
import type { Described } from '../../sbom/scan.ts'
import { version } from '../../base/version.ts'

/** What one pass found, kept for later steps of the same job. The gate never reads it (DESIGN §1.11). */
interface Kept {
  version: string
  layers: { diffId: Digest; size: number }[]
  inventory: Digest
  catalogue: Catalogue
}

/** Keeps a pass in the work folder, under the configuration's digest: it is the same for the plain and the encrypted image. */
export async function keepPass(
  work: WorkFolder,
  { pass, inventory, inventoryDigest }: Pick<Described, 'pass' | 'inventory' | 'inventoryDigest'>,
  catalogue: Catalogue,
): Promise<void> {
  const path = await place(work, pass.image)
  const layers = pass.layers.map(({ diffId, size }) => ({ diffId, size }))
  const kept: Kept = { version, layers, inventory: inventoryDigest, catalogue }
  await put(`${path}.inventory`, inventory)
  // Last: a file that names an inventory that is not there would be of no use.
  await put(`${path}.json`, JSON.stringify(kept))
}

/** A pass of this job over the same layers, or null where there is none that can be used. */
export async function keptPass(
  work: WorkFolder,
  image: Image,
): Promise<{ pass: PassResult; catalogue: Catalogue } | null> {
  const path = await place(work, image)
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
      layers.push({ descriptor, diffId: layer.diffId, size: layer.size })
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

async function put(path: string, bytes: string | Buffer): Promise<void> {
  await replaceFile(path, bytes)
}
