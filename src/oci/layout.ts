import { InputError, VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { collect, sha256, tooLarge } from '../base/streams.ts'
import { pieceFor } from './layout-files.ts'
import { entryOf, tagOf, withEntry, withTag } from './layout-index.ts'
import { layoutListing } from './layout-listing.ts'
import { directoryPlace, type LayoutPlace } from './layout-place.ts'
import { readListing } from './listing.ts'
import { digestOfNew, isIndexType, manifestLimit, mediaTypeOf, parseManifest } from './manifest.ts'
import { isTag } from './reference.ts'
import {
  fallbackTag,
  imageUnderFallback,
  missingBlob,
  pickReferrers,
  readListed,
  referencedBlobs,
  type OnBroken,
} from './referrers.ts'
import type { BlobSource, Descriptor, Digest, NewManifest, Store, StoredManifest } from './types.ts'

/** Manifests that are read at a time. */
const parallel = 4

/**
 * An OCI layout directory as a store (image-spec 1.1 image-layout.md). Reading never writes. The directory is made on the first
 * write. Each blob appears whole or not at all, and `index.json` is replaced in one step after all that it names: a
 * process killed at any moment leaves a readable layout, and the next writer clears its temporary files.
 *
 * @param directory absolute path
 * @param identity name for `docker-reference`
 */
export function openLayout(directory: string, identity: string, ports: Ports): Store {
  return layoutStore(directoryPlace(directory, ports), identity, ports)
}

/** An OCI layout as a store, wherever its parts lie. @param identity name for `docker-reference` */
export function layoutStore(place: LayoutPlace, identity: string, ports: Pick<Ports, 'log'>): Store {
  const { name: named, index: readIndex, prepare, together } = place

  const read = async (digest: Digest, entry: Descriptor | undefined): Promise<StoredManifest> => {
    const size = await place.size(digest)
    if (size === null) throw missingBlob(digest, named)
    if (size > manifestLimit) throw tooLarge(`${named}: manifest ${digest}`, manifestLimit, size)
    const bytes = await collect(place.read({ digest, size: entry?.size ?? size }), manifestLimit, digest)
    const mediaType = entry?.mediaType ?? mediaTypeOf(bytes, digest)
    return { descriptor: { mediaType, digest, size }, bytes, content: parseManifest(bytes, mediaType, digest) }
  }

  const getManifest = async (digest: Digest): Promise<StoredManifest> => {
    const { entries } = await readIndex()
    return read(
      digest,
      entries.find((e) => e.digest === digest),
    )
  }

  const tag = async (name: string, digest: Digest): Promise<void> => {
    if (!isTag(name)) {
      throw new InputError('reference-invalid', `${JSON.stringify(name)} is not a tag`, { subject: name })
    }
    const { descriptor, content } = await getManifest(digest)
    await place.change((entries) => withTag(entries, name, entryOf(descriptor, content)))
  }

  const putBytes = async ({
    bytes,
    mediaType,
    digest: wanted,
  }: NewManifest): Promise<Omit<StoredManifest, 'bytes'>> => {
    const digest = digestOfNew(bytes, wanted)
    const content = parseManifest(bytes, mediaType, digest)
    await prepare()
    for (const needed of referencedBlobs(content)) {
      if ((await place.size(needed.digest)) === null) throw missingBlob(needed.digest, named)
    }
    const descriptor = { mediaType, digest, size: bytes.length }
    if ((await place.size(digest)) !== bytes.length) await place.write([bytes], descriptor)
    return { descriptor, content }
  }

  const retag = async (name: string, digest: Digest, from: Digest | null): Promise<boolean> => {
    const { descriptor, content } = await getManifest(digest)
    let moved = false
    await place.change((entries) => {
      moved = (entries.find((entry) => tagOf(entry) === name)?.digest ?? null) === from
      return moved ? withTag(entries, name, entryOf(descriptor, content)) : entries
    })
    return moved
  }

  /** Read as a listing, not as a manifest: entries of strangers make it neither too large nor unreadable. */
  const fallbackListing = async ({ digest, mediaType }: Descriptor): Promise<Descriptor[]> => {
    const found: Descriptor[] = []
    const size = await place.size(digest)
    if (size === null) throw missingBlob(digest, named)
    if (isIndexType(mediaType)) {
      const bytes = place.read({ digest, size })
      for await (const entry of readListing(bytes, `${named}: ${digest}`)) found.push(entry)
    } else imageUnderFallback(digest, named, ports.log)
    return found
  }

  /** Subjects of manifests that were read. One list serves all subjects, so a reader of many would read each manifest as often; a digest has one content. */
  const subjects = new Map<Digest, Digest | null>()

  async function* readReferrers(digest: Digest, onBroken: OnBroken): AsyncGenerator<StoredManifest> {
    const { entries } = await readIndex()
    const byTag = entries.find((e) => tagOf(e) === fallbackTag(digest))
    let fallback: Descriptor[] = []
    try {
      // A layout that another tool filled from a registry may hold the fallback index instead of listed referrers.
      if (byTag !== undefined) fallback = await fallbackListing(byTag)
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      onBroken({ manifest: byTag?.digest ?? digest, error })
    }
    const listed = [...entries.filter((e) => e !== byTag), ...fallback].filter((e) => {
      const known = subjects.get(e.digest)
      return known === undefined || known === digest
    })
    const readOne = async (wanted: Digest): Promise<StoredManifest> => {
      const stored = await read(wanted, undefined)
      subjects.set(wanted, stored.content.subject?.digest ?? null)
      return stored
    }
    // Media type and size are taken from the bytes: a second entry for the same digest may lie about them.
    yield* readListed(listed, digest, readOne, parallel, onBroken)
  }

  return {
    kind: 'layout',
    name: named,
    identity,
    piecewise: true,
    ...(place.unchecked === undefined ? {} : { unchecked: place.unchecked }),
    getManifest,
    tag,
    retag,

    resolve: async (reference) => {
      const { entries, bad } = await readIndex()
      if ('digest' in reference) {
        const { digest } = reference
        if ((await place.size(digest)) === null) return null
        return (
          await read(
            digest,
            entries.find((e) => e.digest === digest),
          )
        ).descriptor
      }
      const found = entries.filter((e) => tagOf(e) === reference.tag)
      if (found.length > 1) {
        throw new VerificationError('format-invalid', `${named} has the tag ${reference.tag} more than once`, {
          subject: reference.tag,
          remedy: 'Name the image by its digest.',
        })
      }
      if (found[0] !== undefined) return plain(found[0])
      // It may be the bad one that has the tag.
      if (bad !== null) throw bad
      return null
    },

    tags: async () => {
      const { entries, bad } = await readIndex()
      if (bad !== null) throw bad
      return [...new Set(entries.map(tagOf).filter((name) => name !== null))].sort()
    },

    putManifest: (bytes, mediaType, options = {}) =>
      together(async () => {
        const { descriptor, content } = await putBytes({ bytes, mediaType, digest: options.digest })
        if (content.subject !== undefined)
          await place.change((entries) => withEntry(entries, entryOf(descriptor, content)))
        if (options.tag !== undefined) await tag(options.tag, descriptor.digest)
        return descriptor
      }),
    putManifests: (manifests) =>
      together(async () => {
        const put: Omit<StoredManifest, 'bytes'>[] = []
        for (const manifest of manifests) put.push(await putBytes(manifest))
        const referrers = put.filter(({ content }) => content.subject !== undefined)
        await place.change((entries) =>
          referrers.reduce((all, { descriptor, content }) => withEntry(all, entryOf(descriptor, content)), entries),
        )
        return put.map(({ descriptor }) => descriptor)
      }),
    together,

    hasBlob: async (digest) => {
      await place.require().catch((error: unknown) => {
        if (!(error instanceof InputError)) throw error
      })
      return (await place.size(digest)) !== null
    },

    openBlob: async ({ digest, size }, how) => {
      await place.require()
      if ((await place.size(digest)) === null) throw missingBlob(digest, named)
      return place.read({ digest, size }, how)
    },

    putBlob: async (source) => {
      await prepare()
      const { expect, open } = await opened(source)
      if (expect !== undefined && (await place.size(expect.digest)) === expect.size) return expect
      return place.write(open(), expect)
    },

    referrers: (digest, artifactType) =>
      pickReferrers(
        readReferrers(digest, ({ manifest }) => ports.log.debug(`${named} lists ${manifest}, but it cannot be read`)),
        artifactType,
      ),
    readReferrers,
    listing: layoutListing(place),
    ...(place.blobs === undefined ? {} : { blobs: place.blobs }),
  }
}

function plain({ mediaType, digest, size, artifactType, platform }: Descriptor): Descriptor {
  const descriptor: Descriptor = { mediaType, digest, size }
  if (artifactType !== undefined) descriptor.artifactType = artifactType
  if (platform !== undefined) descriptor.platform = platform
  return descriptor
}

/** What is known of a source beforehand, and its bytes; a file is opened only when it has to be read. */
async function opened(source: BlobSource): Promise<{
  expect: { digest: Digest; size: number } | undefined
  open: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}> {
  if ('bytes' in source) {
    return { expect: { digest: sha256(source.bytes), size: source.bytes.length }, open: () => [source.bytes] }
  }
  if ('path' in source) {
    const { createReadStream } = await import('node:fs')
    const { path, digest, size } = source
    return {
      expect: { digest, size },
      open: () => createReadStream(path, { highWaterMark: pieceFor(size) }) as AsyncIterable<Uint8Array>,
    }
  }
  return { expect: source.expect, open: () => source.stream }
}
