import type { Ports } from '../base/ports.ts'
import { fallbackTag } from './digest.ts'
import type { FallbackIndex } from './fallback-index.ts'
import { pickReferrers, readListed, listedOf, type OnBroken } from './referrers.ts'
import type { ReferrersApi } from './referrers-api.ts'
import type { Descriptor, Digest, Index, KnownTags, Manifest, StoredManifest } from './types.ts'

/** Manifests that are fetched at a time. */
const parallel = 8
/** Milliseconds to wait for a registry that took a referrer and does not list it yet. */
const listingPauses: readonly number[] = [250, 500, 1000, 2000]

interface Tools {
  api: ReferrersApi
  fallback: FallbackIndex
  name: string
  getManifest(digest: Digest): Promise<StoredManifest>
  ports: Ports
}

/** A referrer that was put. */
export interface PutReferrer {
  readonly descriptor: Descriptor
  readonly content: Manifest | Index
  /** The registry answered with `OCI-Subject`. */
  readonly processed: boolean
}

/**
 * Referrers of one repository (distribution-spec 1.1). The API and the fallback tag are both read, because a registry may have got the API after
 * clients had written fallback tags, may answer with an empty list without having the API, or may be a copy of one that had none.
 */
export function openReferrers({ api, fallback, name, getManifest, ports }: Tools): {
  list(digest: Digest, artifactType?: string): Promise<Descriptor[]>
  read(digest: Digest, onBroken: OnBroken, known?: KnownTags): AsyncGenerator<StoredManifest>
  /** After the PUT of referrers of one subject: lists those that the registry does not list by itself, with one write. */
  announce(subject: Digest, referrers: readonly PutReferrer[]): Promise<void>
} {
  async function* read(
    digest: Digest,
    onBroken: OnBroken,
    known?: KnownTags,
    artifactType?: string,
  ): AsyncGenerator<StoredManifest> {
    const listed = await api.list(digest, artifactType)
    // A registry without the API is asked for the tag in any case: some lists of tags leave out what is attached.
    const tagged = listed === null || (known?.has(fallbackTag(digest)) ?? true)
    const more = tagged ? await fallback.read(digest, onBroken) : []
    yield* readListed([...(listed ?? []), ...more], digest, getManifest, parallel, onBroken)
  }

  const list = (digest: Digest, artifactType?: string): Promise<Descriptor[]> => {
    const onBroken: OnBroken = ({ manifest }) =>
      ports.log.debug(`${name} lists ${manifest} as a referrer of ${digest}, but it cannot be read`)
    return pickReferrers(read(digest, onBroken, undefined, artifactType), artifactType)
  }

  /** The header alone is no proof (a registry sent it without having the API), nor is an answer of the API: only what it lists is listed. */
  const unlistedOf = async (subject: Digest, referrers: readonly PutReferrer[]): Promise<readonly PutReferrer[]> => {
    for (let look = 0; ; look++) {
      const listed = await api.list(subject)
      if (listed === null) return referrers
      const there = new Set(listed.map(({ digest }) => digest))
      const unlisted = referrers.filter(({ descriptor }) => !there.has(descriptor.digest))
      const pause = listingPauses[look]
      if (unlisted.length === 0 || pause === undefined || !unlisted.some(({ processed }) => processed)) return unlisted
      await ports.clock.sleep(pause)
    }
  }

  const announce = async (subject: Digest, referrers: readonly PutReferrer[]): Promise<void> => {
    const unlisted = await unlistedOf(subject, referrers)
    if (unlisted.length === 0) return
    if (unlisted.some(({ processed }) => processed)) {
      ports.log.warn(
        `${name} took ${unlisted.length} referrers of ${subject} but does not list them. They are listed under the fallback tag, which some tools read only where the referrers API is missing`,
      )
    }
    await fallback.add(
      subject,
      unlisted.map(({ descriptor, content }) => listedOf(descriptor, content)),
    )
  }

  return { list, read: (digest, onBroken, known) => read(digest, onBroken, known), announce }
}
