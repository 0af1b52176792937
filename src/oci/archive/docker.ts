import { z } from 'zod'
import { InputError, VerificationError } from '../../base/errors.ts'
import { parseJson } from '../../base/json.ts'
import { digesting, sha256 } from '../../base/streams.ts'
import { isDigest } from '../digest.ts'
import { tagged } from '../layout-index.ts'
import { isIndex, manifestBytes, manifestLimit, parseManifest } from '../manifest.ts'
import { referencedBlobs } from '../referrers.ts'
import { mediaTypes, type Descriptor, type Digest } from '../types.ts'
import { indexFile, markerFile } from './layout.ts'
import type { ArchiveContent } from './read-place.ts'
import { invalid } from './refusals.ts'
import type { ArchiveFile } from './tar-file.ts'

const listBytes = 16 << 20
const configBytes = 8 << 20

const manifestSchema = z
  .array(
    z.object({
      Config: z.string().max(4096),
      RepoTags: z.array(z.string().max(4096)).max(10_000).nullish(),
      Layers: z.array(z.string().max(4096)).max(4096),
    }),
  )
  .max(1000)
type Item = z.infer<typeof manifestSchema>[number]
const configSchema = z.object({ rootfs: z.object({ diff_ids: z.array(z.string().max(255)) }) })

/** A docker archive and which of its manifests it did not hold itself. */
export interface DockerContent extends ArchiveContent {
  readonly computed: readonly Digest[]
  /** Digest of the configuration, by that of the manifest: what Docker calls the id of an image. */
  readonly ids: ReadonlyMap<Digest, Digest>
}

/**
 * Reads what `docker save`, `podman save` and `skopeo copy … docker-archive:FILE` write: `manifest.json` names configuration and layers, also
 * in the folders of Docker before 25 (`ID/layer.tar`, some of them links). Where the archive is an OCI layout too, its own manifest of the image
 * counts; else one is made of configuration and layers, whose digest no registry knows.
 *
 * @throws InputError `file-invalid` for an OCI archive; VerificationError `format-invalid`
 */
export async function readDockerArchive(archive: ArchiveFile): Promise<DockerContent> {
  const list = await archive.read('manifest.json', listBytes)
  if (list === null) {
    if (archive.size(markerFile) === null) throw invalid('it has no manifest.json')
    throw new InputError('file-invalid', `"${archive.path}" is an OCI archive, not a docker archive`, {
      subject: archive.path,
      remedy: 'Write oci-archive: before its path.',
    })
  }
  const parsed = manifestSchema.safeParse(parseJson(list.toString('utf8'), 'manifest.json'))
  if (!parsed.success) throw invalid('its manifest.json has another form')
  const members = new Map<Digest, string>()
  const made = new Map<Digest, Buffer>()
  const ids = new Map<Digest, Digest>()
  const entries: Descriptor[] = []
  const own = await ownManifests(archive, members)
  // An archive may name one member in thousands of places, and by links: it is hashed once.
  const known = new Map<number | null, Digest>()
  for (const item of parsed.data) {
    const config = await archive.read(item.Config, configBytes)
    if (config === null) throw invalid(`it has no configuration "${item.Config}"`)
    members.set(sha256(config), item.Config)
    let descriptor = own.get(sha256(config))
    if (descriptor === undefined) {
      const bytes = await makeManifest(archive, item, config, members, known)
      descriptor = { mediaType: mediaTypes.manifest, digest: sha256(bytes), size: bytes.length }
      made.set(descriptor.digest, bytes)
    }
    const found = descriptor
    ids.set(found.digest, sha256(config))
    entries.push(...(item.RepoTags?.length ? item.RepoTags.map((name) => tagged(found, name)) : [found]))
  }
  return {
    archive,
    listed: { entries, bad: null },
    made,
    computed: [...made.keys()],
    ids,
    member: (digest) => members.get(digest) ?? null,
  }
}

/** Whole manifests of an archive that is an OCI layout too, by the digest of their configuration. */
async function ownManifests(
  archive: ArchiveFile,
  members: Map<Digest, string>,
): Promise<ReadonlyMap<Digest, Descriptor>> {
  const own = new Map<Digest, Descriptor>()
  const index = archive.size(markerFile) === null ? null : await archive.read(indexFile, manifestLimit)
  if (index === null) return own
  for (const name of archive.names) {
    const digest = name.replace(/^blobs\/(sha\d+)\//, '$1:')
    if (isDigest(digest)) members.set(digest, name)
  }
  const seen = new Set<Digest>()
  const visit = async (bytes: Buffer, descriptor: Descriptor): Promise<void> => {
    const content = parseManifest(bytes, descriptor.mediaType, descriptor.digest)
    if (!isIndex(content)) {
      if (referencedBlobs(content).every(({ digest }) => members.has(digest)))
        own.set(content.config.digest, descriptor)
      return
    }
    for (const child of content.manifests) {
      if (seen.has(child.digest)) continue
      seen.add(child.digest)
      // docker save leaves out platforms that were not pulled.
      const found = members.has(child.digest)
        ? await archive.read(members.get(child.digest) ?? '', manifestLimit)
        : null
      if (found === null) continue
      if (sha256(found) !== child.digest)
        throw new VerificationError('digest-mismatch', `the bytes of ${child.digest} hash to ${sha256(found)}`, {
          subject: child.digest,
        })
      await visit(found, { mediaType: child.mediaType, digest: child.digest, size: found.length })
    }
  }
  await visit(index, { mediaType: mediaTypes.index, digest: sha256(index), size: index.length })
  return own
}

async function makeManifest(
  archive: ArchiveFile,
  item: Item,
  config: Buffer,
  members: Map<Digest, string>,
  known: Map<number | null, Digest>,
): Promise<Buffer> {
  const diffIds = diffIdsOf(config)
  if (item.Layers.length !== diffIds.length)
    throw invalid(`manifest.json lists ${item.Layers.length} layers, the configuration ${diffIds.length}`)
  const layers: Descriptor[] = []
  for (const [index, path] of item.Layers.entries()) {
    const layer = await layerOf(archive, path, diffIds[index] ?? '', known)
    members.set(layer.digest, path)
    layers.push(layer)
  }
  return manifestBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: sha256(config), size: config.length },
    layers,
  })
}

function diffIdsOf(config: Buffer): string[] {
  const parsed = configSchema.safeParse(parseJson(config.toString('utf8'), 'the configuration'))
  if (parsed.success) return parsed.data.rootfs.diff_ids
  throw invalid('its configuration lists no layers')
}

/** A plain layer has its diff id as digest, which is checked when it is read; a compressed one is hashed first. */
async function layerOf(
  archive: ArchiveFile,
  path: string,
  diffId: string,
  known: Map<number | null, Digest>,
): Promise<Descriptor> {
  const size = archive.size(path)
  if (size === null) throw invalid(`it has no layer "${path}"`)
  const start: Uint8Array[] = []
  for await (const chunk of archive.stream(path, 4)) start.push(chunk)
  const hex = Buffer.concat(start).toString('hex')
  const mediaType = hex.startsWith('1f8b')
    ? mediaTypes.layerGzip
    : hex === '28b52ffd'
      ? mediaTypes.layerZstd
      : mediaTypes.layerTar
  if (mediaType === mediaTypes.layerTar && isDigest(diffId)) return { mediaType, digest: diffId, size }
  const at = archive.offset(path)
  const before = known.get(at)
  if (before !== undefined) return { mediaType, digest: before, size }
  const { stream, result } = digesting(archive.stream(path))
  for await (const chunk of stream) void chunk
  const { digest } = result()
  if (!isDigest(digest)) throw invalid(`"${path}" cannot be hashed`)
  known.set(at, digest)
  return { mediaType, digest, size }
}
