import { InventoryDocument } from '../../image/inventory-document.ts'
import type { Catalogue } from '../model.ts'
import { documentsOf, type Described, type Said } from '../scan.ts'
import type { TreePass } from './tree/pass.ts'
import type { Subject } from './types.ts'

/** The documents of a tree: all that those of an image have, but layers. */
export type DescribedTree = Omit<Described, 'pass'>

/** Makes the documents of a tree that was passed over. */
export function describeTree(
  subject: Subject,
  pass: TreePass,
  catalogue: Catalogue,
  { epoch, author, supplier, engines }: Pick<Said, 'author' | 'supplier' | 'engines'> & { epoch: number },
): DescribedTree {
  const inventory = new InventoryDocument(pass.inventory)
  return documentsOf(
    {
      ...catalogue,
      name: subject.name,
      subject,
      platform: { os: '', architecture: '' },
      configDigest: subject.digest,
      layers: [],
      created: epoch,
      inventoryDigest: inventory.digest,
      files: pass.inventory.filter(({ type }) => type === 'file').length,
      author,
      supplier,
      engines,
    },
    inventory,
  )
}
