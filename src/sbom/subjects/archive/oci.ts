import { isDigest } from '../../../oci/digest.ts'
import { manifestLimit, parseManifest, isIndex } from '../../../oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../../oci/types.ts'
import { chooseImage, type NamedImage } from './choose.ts'
import { invalid, type ArchiveFile } from './index.ts'
import { archiveStore } from './store.ts'

/** An image of an archive, ready to be loaded. */
export interface ArchivedImage {
  store: Store
  digest: Digest
}

const refName = 'org.opencontainers.image.ref.name'
/** What containerd and BuildKit write beside it: the whole name. */
const imageName = 'io.containerd.image.name'

/**
 * Opens an OCI layout in a tar file (`skopeo copy … oci-archive:FILE`, `docker save` since 25, BuildKit's `type=oci`).
 *
 * @param wanted tag, whole name or digest; null for the only image
 * @throws InputError `not-found`, `input-invalid` (several images; the message lists them); VerificationError `format-invalid`
 */
export async function openOciArchive(archive: ArchiveFile, wanted: string | null): Promise<ArchivedImage> {
  const bytes = await archive.read('index.json', manifestLimit)
  if ((await archive.read('oci-layout', 4096)) === null || bytes === null)
    throw invalid('it has no oci-layout and index.json')
  const index = parseManifest(bytes, mediaTypes.index, 'index.json')
  if (!isIndex(index)) throw invalid('its index.json is not an index')
  const blobs = new Map<Digest, string>()
  for (const name of archive.names) {
    const digest = `sha256:${/^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1] ?? ''}`
    if (isDigest(digest)) blobs.set(digest, name)
  }
  const images = index.manifests.filter(({ platform }) => platform?.os !== 'unknown').map(named)
  const { digest } = chooseImage(images, wanted, archive.path)
  return { store: archiveStore(archive, { blobs, made: new Map(), entries: index.manifests }), digest }
}

function named({ digest, annotations }: Descriptor): NamedImage {
  const names = [annotations?.[refName], annotations?.[imageName]].filter((name) => name !== undefined)
  return { digest, names }
}
