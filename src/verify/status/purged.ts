import type { Subject } from '../candidate.ts'
import type { Policy } from '../policy/load.ts'
import { readNotices } from './read.ts'

/** How it is told that layers of an archived image were purged. */
export const purgedWords = 'archived: layers purged on '

/**
 * Why the content of an archived image cannot be looked into: layers are missing, and whoever the policy names signed that they were purged. Null where
 * every layer is there, and where nobody who counts says so: then a missing layer refuses the image as damaged.
 *
 * @returns the time of the purge, the interval in which the image was in production, and where the keys of an encrypted image are kept
 */
export async function purgedContent(
  { store, image, descriptor }: Pick<Subject, 'store' | 'image' | 'descriptor'>,
  { archive }: Pick<Policy, 'archive'>,
  at: Date,
): Promise<string | null> {
  if (archive === null || image === null) return null
  const { layers } = image.manifest
  const there = await Promise.all(layers.map(({ digest }) => store.hasBlob(digest)))
  const missing = layers.filter((_layer, i) => there[i] === false)
  if (missing.length === 0) return null
  const { counted } = await readNotices('archive', store, descriptor.digest, archive, at)
  const record = counted.find(({ predicate: { purged } }) =>
    missing.every(({ digest }) => purged?.layers.includes(digest) === true),
  )
  if (record?.predicate.purged === undefined) return null
  const { purged, inProduction, keys = [] } = record.predicate
  const kept = keys.map(({ uri, until }) => `; its key is kept at ${uri} until ${until}`).join('')
  return `${purgedWords}${purged.time} (${missing.length} of ${layers.length}), so their content was not looked into; in production from ${inProduction.from} to ${inProduction.to}${kept}`
}
