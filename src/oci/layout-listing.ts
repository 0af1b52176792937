import { entryOf, tagOf } from './layout-index.ts'
import type { LayoutPlace } from './layout-place.ts'
import type { WrittenListing } from './types.ts'

/** The entries without a tag, as the list of referrers that they are for readers of layouts; one list for all manifests. */
export function layoutListing(place: Pick<LayoutPlace, 'index' | 'change'>): WrittenListing {
  return {
    entries: async () => (await place.index()).entries.filter((entry) => tagOf(entry) === null),
    entryOf: ({ descriptor, content }) => entryOf(descriptor, content),
    rewrite: (_subject, change) =>
      place.change((entries) => {
        const untagged = entries.filter((entry) => tagOf(entry) === null)
        const changed = change(untagged)
        return changed === untagged ? entries : [...entries.filter((entry) => tagOf(entry) !== null), ...changed]
      }),
  }
}
