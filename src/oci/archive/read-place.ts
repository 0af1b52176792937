import { once, verified } from '../../base/streams.ts'
import { tagOf, type Listed } from '../layout-index.ts'
import type { LayoutPlace } from '../layout-place.ts'
import { isManifestType } from '../manifest.ts'
import { isAttachedTag } from '../digest.ts'
import { missingBlob } from '../referrers.ts'
import { isTag } from '../reference.ts'
import type { BlobReading, Digest, ListedImage } from '../types.ts'
import { readOnly } from './refusals.ts'
import type { ArchiveFile } from './tar-file.ts'

/** An archive as a layout: nothing of it is believed, every blob is checked by its digest as it flows by. */
export interface ArchiveContent {
  readonly archive: ArchiveFile
  readonly listed: Listed
  /** Member with the bytes of a digest, or null. */
  member(digest: Digest): string | null
  /** Manifests that were made here, since the archive has none. */
  readonly made: ReadonlyMap<Digest, Buffer>
}

/** The place of an archive that is only read. @param name `docker-archive:/abs/file` */
export function readPlace(name: string, content: () => Promise<ArchiveContent>): LayoutPlace {
  const refuse = (): Promise<never> => Promise.reject(readOnly(name))
  return {
    name,
    prepare: refuse,
    write: refuse,
    change: refuse,
    together: (work) => work(),
    require: async () => void (await content()),
    index: async () => (await content()).listed,
    size: async (digest) => {
      const { archive, made, member } = await content()
      const at = member(digest)
      return made.get(digest)?.length ?? (at === null ? null : archive.size(at))
    },
    read: (want, how) => verified(bytesOf(name, content, want.digest, how), want, name),
  }
}

async function* bytesOf(
  name: string,
  content: () => Promise<ArchiveContent>,
  digest: Digest,
  how?: BlobReading,
): AsyncGenerator<Uint8Array> {
  const { archive, made, member } = await content()
  const own = made.get(digest)
  const at = member(digest)
  if (own === undefined && at === null) throw missingBlob(digest, name)
  yield* own === undefined ? archive.stream(at ?? '', undefined, how) : once(own)
}

/** Images that an index lists: by tag, and those without one that are no artifacts. */
export function listedImages({ entries }: Listed): ListedImage[] {
  return entries
    .filter(
      ({ mediaType, artifactType, platform }) =>
        isManifestType(mediaType) && artifactType === undefined && platform?.os !== 'unknown',
    )
    .map((entry) => {
      const { mediaType, digest, size } = entry
      const descriptor = { mediaType, digest, size }
      const name = tagOf(entry)
      const tag = name === null ? null : name.slice(name.lastIndexOf(':') + 1)
      return { descriptor, name, tag: tag !== null && isTag(tag) ? tag : null }
    })
    .filter(({ tag }) => tag === null || !isAttachedTag(tag))
}
