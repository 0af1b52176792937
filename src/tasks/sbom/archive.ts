import { mkdtemp, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { writeStream } from '../../base/write-file.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { chooseImage, type NamedImage } from '../../oci/archive/choose.ts'
import { readDockerArchive } from '../../oci/archive/docker.ts'
import { indexFile, markerFile, readLayoutArchive } from '../../oci/archive/layout.ts'
import { listedImages, readPlace } from '../../oci/archive/read-place.ts'
import { archiveStore } from '../../oci/archive/store.ts'
import { ArchiveFile } from '../../oci/archive/tar-file.ts'
import { archiveIdentity } from '../../oci/local.ts'
import { parseIndex, indexBytes } from '../../oci/layout-index.ts'
import type { Digest, Store } from '../../oci/types.ts'
import type { TaskContext } from '../context.ts'
import { archiveName, type ArchiveRequest } from './request.ts'

/** Runs `use` with an image of an archive: the file itself, or a worker's copy of what the step streams (TRUST §4). */
export async function withArchive<T>(
  { path, name, form, wanted }: ArchiveRequest,
  { ports, caller, work }: TaskContext,
  use: (image: ArchivedImage) => Promise<T>,
): Promise<T> {
  if (ports.remote === undefined) {
    if (path === null) throw new InputError('input-missing', 'the request names no archive', { subject: 'subject' })
    return use(await openArchive(path, form, wanted, ports))
  }
  // A path of the job means nothing here.
  if (path !== null) throw new InputError('input-invalid', 'a worker reads no path of the job', { subject: 'subject' })
  const folder = await mkdtemp(join(await work.path('temp'), 'archive-'))
  try {
    const copy = join(folder, basename(name))
    await pipeline(Readable.from(await caller.fetch(archiveName)), writeStream(copy, { mode: 0o600 }))
    return await use(await openArchive(copy, form, wanted, ports))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface ArchivedImage {
  store: Store
  digest: Digest
}

async function openArchive(
  path: string,
  form: ArchiveRequest['form'],
  wanted: string | null,
  ports: Ports,
): Promise<ArchivedImage> {
  const archive = await ArchiveFile.open(path, ports.roots.temp)
  const isLayout = form === null ? archive.size(markerFile) !== null : form === 'oci'
  const docker = isLayout ? null : await readDockerArchive(archive)
  const content = docker ?? (await readLayoutArchive(archive))
  const named =
    docker === null ? await namedIn(archive) : [...docker.ids].map(([digest, id]) => ({ digest, names: [id] }))
  const images = listedImages(content.listed).map(({ descriptor: { digest }, name }) => ({
    digest,
    names: [...(name === null ? [] : [name]), ...named.flatMap((one) => (one.digest === digest ? one.names : []))],
  }))
  const { digest } = chooseImage(images, wanted, path)
  const store = archiveStore(
    readPlace(`archive:${path}`, () => Promise.resolve(content)),
    archiveIdentity(path),
    ports,
  )
  return { store, digest }
}

/** What containerd and BuildKit write beside the tag: the whole name. */
async function namedIn(archive: ArchiveFile): Promise<NamedImage[]> {
  const bytes = await archive.read(indexFile, indexBytes)
  return parseIndex(bytes?.toString('utf8') ?? '', indexFile).entries.map(({ digest, annotations }) => {
    const name = annotations?.['io.containerd.image.name']
    return { digest, names: name === undefined ? [] : [name] }
  })
}
