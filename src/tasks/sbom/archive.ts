import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { InputError } from '../../base/errors.ts'
import { openDockerArchive } from '../../sbom/subjects/archive/docker.ts'
import { ArchiveFile } from '../../sbom/subjects/archive/index.ts'
import { openOciArchive, type ArchivedImage } from '../../sbom/subjects/archive/oci.ts'
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
    return use(await openArchive(path, form, wanted))
  }
  // A path of the job means nothing here.
  if (path !== null) throw new InputError('input-invalid', 'a worker reads no path of the job', { subject: 'subject' })
  const folder = await mkdtemp(join(await work.path('temp'), 'archive-'))
  try {
    const copy = join(folder, basename(name))
    await pipeline(Readable.from(await caller.fetch(archiveName)), createWriteStream(copy, { mode: 0o600 }))
    return await use(await openArchive(copy, form, wanted))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function openArchive(path: string, form: ArchiveRequest['form'], wanted: string | null): Promise<ArchivedImage> {
  const archive = await ArchiveFile.open(path)
  const isLayout = archive.size('oci-layout') !== null
  const kind = form ?? (isLayout ? 'oci' : 'docker')
  if (form === 'oci' && !isLayout && archive.size('manifest.json') !== null) {
    throw new InputError('file-invalid', `"${path}" is a docker archive, not an OCI archive`, {
      subject: path,
      remedy: 'Write docker-archive: before its path.',
    })
  }
  if (form === 'docker' && isLayout && archive.size('manifest.json') === null) {
    throw new InputError('file-invalid', `"${path}" is an OCI archive, not a docker archive`, {
      subject: path,
      remedy: 'Write oci-archive: before its path.',
    })
  }
  return kind === 'oci' ? openOciArchive(archive, wanted) : openDockerArchive(archive, wanted)
}
