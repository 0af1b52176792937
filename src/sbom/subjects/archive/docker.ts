import { z } from 'zod'
import { parseJson } from '../../../base/json.ts'
import { digesting, sha256 } from '../../../base/streams.ts'
import { isDigest } from '../../../oci/digest.ts'
import { manifestBytes } from '../../../oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../../oci/types.ts'
import { chooseImage } from './choose.ts'
import { invalid, type ArchiveFile } from './index.ts'
import type { ArchivedImage } from './oci.ts'
import { archiveStore } from './store.ts'

const listBytes = 16 << 20
const configBytes = 8 << 20

const manifestSchema = z.array(
  z.object({
    Config: z.string().max(4096),
    RepoTags: z.array(z.string().max(4096)).max(10_000).nullish(),
    Layers: z.array(z.string().max(4096)).max(4096),
  }),
)
const configSchema = z.object({ rootfs: z.object({ diff_ids: z.array(z.string().max(255)) }) })

/**
 * Opens what `docker save`, `podman save` and `skopeo copy … docker-archive:FILE` write: `manifest.json` names configuration and layers, also
 * in the folders of Docker before 25 (`ID/layer.tar`, some of them links). A manifest is made of them; the configuration's digest, which
 * documents bind to, is the image's own.
 *
 * @param wanted as `RepoTags` has it, or its tag alone; null for the only image
 * @throws InputError `not-found`, `input-invalid`; VerificationError `format-invalid`
 */
export async function openDockerArchive(archive: ArchiveFile, wanted: string | null): Promise<ArchivedImage> {
  const list = await archive.read('manifest.json', listBytes)
  if (list === null) throw invalid('it has no manifest.json')
  const parsed = manifestSchema.safeParse(parseJson(list.toString('utf8'), 'manifest.json'))
  if (!parsed.success) throw invalid('its manifest.json has another form')
  const images = await Promise.all(
    parsed.data.map(async (item) => {
      const config = await archive.read(item.Config, configBytes)
      if (config === null) throw invalid(`it has no configuration "${item.Config}"`)
      return { ...item, config, digest: sha256(config), names: item.RepoTags ?? [] }
    }),
  )
  const { config, digest, Config: member, Layers: layers } = chooseImage(images, wanted, archive.path)
  const diffIds = diffIdsOf(config)
  if (layers.length !== diffIds.length)
    throw invalid(`manifest.json lists ${layers.length} layers, the configuration ${diffIds.length}`)
  const blobs = new Map<Digest, string>([[digest, member]])
  const descriptors: Descriptor[] = []
  for (const [index, path] of layers.entries()) {
    const layer = await layerOf(archive, path, diffIds[index] ?? '')
    blobs.set(layer.digest, path)
    descriptors.push(layer)
  }
  const manifest = manifestBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest, size: config.length },
    layers: descriptors,
  })
  const made: Descriptor = { mediaType: mediaTypes.manifest, digest: sha256(manifest), size: manifest.length }
  const store = archiveStore(archive, { blobs, made: new Map([[made.digest, manifest]]), entries: [made] })
  return { store, digest: made.digest }
}

function diffIdsOf(config: Buffer): string[] {
  const parsed = configSchema.safeParse(parseJson(config.toString('utf8'), 'the configuration'))
  if (parsed.success) return parsed.data.rootfs.diff_ids
  throw invalid('its configuration lists no layers')
}

/** A plain layer has its diff id as digest, which is checked when it is read; a compressed one is hashed first. */
async function layerOf(archive: ArchiveFile, path: string, diffId: string): Promise<Descriptor> {
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
  const { stream, result } = digesting(archive.stream(path))
  for await (const chunk of stream) void chunk
  const { digest } = result()
  if (!isDigest(digest)) throw invalid(`"${path}" cannot be hashed`)
  return { mediaType, digest, size }
}
