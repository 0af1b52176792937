import { sha256 } from '../../base/streams.ts'
import { inventoryBytes } from '../../image/inventory.ts'
import { cyclonedxDocument } from '../formats/cyclonedx.ts'
import { spdxDocument } from '../formats/spdx.ts'
import type { Catalogue, Description } from '../model.ts'
import { measureQuality } from '../quality.ts'
import type { Described } from '../scan.ts'
import type { TreePass } from './tree/pass.ts'
import type { Subject } from './types.ts'

/** The documents of a tree: all that those of an image have, but layers. */
export type DescribedTree = Omit<Described, 'pass'>

/** Writes the documents of a tree that was passed over. @param created seconds since 1970 that the documents give as their time */
export function describeTree(
  subject: Subject,
  pass: TreePass,
  catalogue: Catalogue,
  { created }: { created: number },
): DescribedTree {
  const inventory = inventoryBytes(pass.inventory)
  const inventoryDigest = sha256(inventory)
  const files = pass.inventory.filter(({ type }) => type === 'file').length
  const description: Description = {
    ...catalogue,
    name: subject.name,
    subject,
    platform: { os: '', architecture: '' },
    configDigest: subject.digest,
    layers: [],
    created,
    inventoryDigest,
    files,
  }
  return {
    spdx: spdxDocument(description),
    cyclonedx: cyclonedxDocument(description),
    inventory,
    inventoryDigest,
    packages: catalogue.packages.length,
    files,
    quality: measureQuality(description),
    description,
  }
}
