import { roles } from '../../journal/event.ts'
import { inventoryPredicate } from '../../statement/inventory.ts'
import { makeStatement } from '../../statement/statement.ts'
import { inventoryMediaType } from '../../statement/types.ts'
import { diffIdsOf } from './config.ts'
import { documentOf, requireStanding, type Rule } from './context.ts'
import { sbomDocument } from './sbom.ts'

/** Inventory: names the document that the `sbom` event wrote; every fact is taken from the documents, none from the caller. */
export const inventory: Rule = (context) => {
  const { bytes, digest, event } = sbomDocument(context, 'inventory', [roles.inventory])
  requireStanding(context, 'inventory')
  const config = documentOf(context, 'config', event, 'inputs', [roles.config])
  let files = 0
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) files++
  return makeStatement(
    'inventory',
    { digest: context.subject },
    inventoryPredicate({
      document: { digest, mediaType: inventoryMediaType, size: bytes.length },
      config: config.digest,
      diffIds: diffIdsOf(config.bytes),
      files,
    }),
  )
}
