import { stat } from 'node:fs/promises'
import { ofArchive } from './refusals.ts'
import { ArchiveFile } from './tar-file.ts'

/** An archive and what was read of it. */
export interface HeldFile<T> {
  /** Tells this file from any other that takes its place. */
  readonly mark: string
  readonly archive: ArchiveFile
  readonly content: T
}

/**
 * Keeps an archive open, and lists its members again only when another file took its place.
 *
 * @param read what else is read of it at once
 * @returns null where there is no file
 */
export function heldFile<T>(
  path: string,
  temp: string,
  read: (archive: ArchiveFile) => Promise<T>,
): () => Promise<HeldFile<T> | null> {
  let held: { mark: string; file: Promise<HeldFile<T>> } | null = null
  const load = async (mark: string): Promise<HeldFile<T>> => {
    const archive = await ArchiveFile.open(path, temp).catch((error: unknown) => {
      throw ofArchive(error, path)
    })
    try {
      return { mark, archive, content: await read(archive) }
    } catch (error) {
      archive.close()
      throw ofArchive(error, path)
    }
  }
  return async () => {
    const mark = await markOf(path)
    if (held?.mark === mark) return held.file
    void held?.file.then(
      ({ archive }) => archive.close(),
      () => {},
    )
    if (mark === null) return (held = null)
    const file = load(mark)
    held = { mark, file }
    // A failed attempt is not remembered: the reason may have been mended meanwhile.
    file.catch(() => {
      if (held?.file === file) held = null
    })
    return file
  }
}

/** @returns null where there is no file */
export async function markOf(path: string): Promise<string | null> {
  const info = await stat(path, { bigint: true }).catch(() => null)
  return info === null ? null : [info.dev, info.ino, info.size, info.mtimeNs, info.ctimeNs].join(' ')
}
