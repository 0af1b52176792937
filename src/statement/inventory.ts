import type { JsonObject } from '../base/json.ts'
import type { InventoryPredicate } from './types.ts'

/** Predicate that names the file inventory by digest: the document is a referrer of its own, so that statements stay small. */
export function inventoryPredicate(facts: InventoryPredicate): JsonObject {
  const { document, config, diffIds, files } = facts
  return {
    document: { digest: document.digest, mediaType: document.mediaType, size: document.size },
    config,
    diffIds: [...diffIds],
    files,
  }
}
