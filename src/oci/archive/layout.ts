import { InputError } from '../../base/errors.ts'
import { readListed } from '../layout-index.ts'
import type { ArchiveContent } from './read-place.ts'
import { invalid } from './refusals.ts'
import type { ArchiveFile } from './tar-file.ts'

/** Members of an archive that a layout has (image-spec 1.1 image-layout.md). */
export const markerFile = 'oci-layout'
export const indexFile = 'index.json'

/**
 * Reads an OCI layout in a tar file (`skopeo copy … oci-archive:FILE`, `docker save` since 25, BuildKit's `type=oci`).
 *
 * @throws InputError `file-invalid` for a docker archive; VerificationError `format-invalid`
 */
export async function readLayoutArchive(archive: ArchiveFile): Promise<ArchiveContent> {
  const link = archive.names.find((name) => archive.isLink(name))
  if (archive.size(markerFile) === null || archive.size(indexFile) === null) {
    if (archive.size('manifest.json') === null) throw invalid('it has no oci-layout and index.json')
    throw new InputError('file-invalid', `"${archive.path}" is a docker archive, not an OCI archive`, {
      subject: archive.path,
      remedy: 'Write docker-archive: before its path.',
    })
  }
  if (link !== undefined) throw invalid(`"${link}" is a link or device, which an OCI archive does not need`)
  const size = archive.size(indexFile) ?? 0
  const listed = await readListed(archive.stream(indexFile), size, `index.json of "${archive.path}"`)
  return {
    archive,
    listed,
    made: new Map(),
    member: (digest) => {
      const name = `blobs/${digest.replace(':', '/')}`
      return archive.size(name) === null ? null : name
    },
  }
}
