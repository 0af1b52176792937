import { basename } from 'node:path'
import { InputError } from '../../../base/errors.ts'
import { verified } from '../../../base/streams.ts'
import { layoutIdentity } from '../../../oci/identity.ts'
import { manifestLimit, mediaTypeOf, parseManifest } from '../../../oci/manifest.ts'
import { missingBlob } from '../../../oci/referrers.ts'
import type { Descriptor, Digest, Store } from '../../../oci/types.ts'
import { invalid, type ArchiveFile } from './index.ts'

/** Parts of an archive as a store knows them. */
export interface ArchiveContent {
  /** Member with the bytes of a digest. */
  blobs: ReadonlyMap<Digest, string>
  /** Manifests that were made here, since the archive has none. */
  made: ReadonlyMap<Digest, Buffer>
  /** What the archive lists. */
  entries: readonly Descriptor[]
}

/** An archive as a store that is only read. Nothing of it is believed: every blob is checked by its digest as it flows by. */
export function archiveStore(archive: ArchiveFile, { blobs, made, entries }: ArchiveContent): Store {
  const name = `archive:${archive.path}`
  const bytesOf = async (digest: Digest): Promise<Buffer> => {
    const own = made.get(digest)
    if (own !== undefined) return own
    const member = blobs.get(digest)
    const bytes = member === undefined ? null : await archive.read(member, manifestLimit)
    if (bytes === null) throw missingBlob(digest, name)
    for await (const chunk of verified(single(bytes), { digest, size: bytes.length })) void chunk
    return bytes
  }
  const readOnly = (): Promise<never> =>
    Promise.reject(
      new InputError('unsupported', `${name} is an archive, which is only read`, {
        subject: archive.path,
        remedy: 'Copy the image into a layout or registry first: skopeo copy.',
      }),
    )
  return {
    kind: 'layout',
    name,
    identity: layoutIdentity(basename(archive.path).replace(/\.tar$/, '')),
    resolve: async (reference) => {
      if (!('digest' in reference)) return null
      const bytes = await bytesOf(reference.digest)
      const listed = entries.find(({ digest }) => digest === reference.digest)
      const mediaType = listed?.mediaType ?? mediaTypeOf(bytes, reference.digest)
      return { mediaType, digest: reference.digest, size: bytes.length }
    },
    tags: async () => [],
    getManifest: async (digest) => {
      const bytes = await bytesOf(digest)
      const mediaType = entries.find((entry) => entry.digest === digest)?.mediaType ?? mediaTypeOf(bytes, digest)
      return {
        descriptor: { mediaType, digest, size: bytes.length },
        bytes,
        content: parseManifest(bytes, mediaType, digest),
      }
    },
    hasBlob: async (digest) => blobs.has(digest),
    openBlob: async (descriptor) => {
      const member = blobs.get(descriptor.digest)
      if (member === undefined) throw missingBlob(descriptor.digest, name)
      if (archive.size(member) === null) throw invalid(`it has no "${member}"`)
      return verified(archive.stream(member), descriptor)
    },
    putManifest: readOnly,
    tag: readOnly,
    putBlob: readOnly,
    referrers: async () => [],
    readReferrers: async function* () {},
  }
}

async function* single(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}
