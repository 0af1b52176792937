import { constants } from 'node:fs'
import { chmod, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError, withPath } from './errors.ts'
import { ownedName } from './owned-name.ts'
import { table } from './table.ts'

/**
 * Writes a file so that a reader sees the old content or the new one, never half of it, whatever happens to this process. The file is flushed
 * to disk.
 *
 * @param options.mode permissions before the umask; by default only the owner reads the file
 * @param options.through folder of the temporary file, on the same file system: one that is swept after a crash (`sweep`)
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array | string | Iterable<Uint8Array>,
  options: { mode?: number; through?: string } = {},
): Promise<void> {
  const folder = dirname(path)
  const { mode = 0o600, through = folder } = options
  const temporary = join(through, ownedName('tmp'))
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw withPath(error, path)
  }
  // Without this the new name may be lost at a power failure, though the content is on disk.
  const parent = await open(folder, 'r')
  await parent.sync().finally(() => parent.close())
}

/** Why a file could not be read, for the end of a sentence; '' where the system's word would tell a reader nothing. */
export function whyUnread(cause: unknown): string {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''
  return reasons[code] ?? ''
}
const reasons: Readonly<Record<string, string>> = table({
  ENOENT: ': it does not exist',
  EISDIR: ': it is a folder',
  ENOTDIR: ': a part of its path is not a folder',
  EACCES: ': this user may not read it',
  ELOOP: ': its links lead in a circle',
})

/**
 * Reads the file that an option or input names.
 *
 * @param subject name of the option or input
 * @param more what to give instead, and what the message calls the option; by default its name
 * @throws InputError `file-missing` that names the path
 */
export async function readNamedFile(
  path: string,
  subject: string,
  more: { remedy?: string; shown?: string } = {},
): Promise<Buffer> {
  const { remedy, shown = subject } = more
  return readFile(path).catch((cause: unknown) => {
    throw new InputError('file-missing', `${shown}: "${path}" cannot be read${whyUnread(cause)}`, {
      subject,
      cause,
      remedy: remedy ?? `Name a readable file for ${subject}.`,
    })
  })
}

/** Whether a file or folder is not there. @param error of a system call */
export function isAbsent(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT'
}

/** The bytes of a file of ours; null where it is not there. */
export async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

/**
 * Refuses a folder that holds something already, before work begins whose result goes there. It may also be missing.
 *
 * @throws InputError `exists`
 */
export async function requireEmpty(directory: string): Promise<void> {
  const remedy = 'Give an empty or new folder.'
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    if (error.code === 'ENOTDIR')
      throw new InputError('exists', `"${directory}" is a file`, { subject: directory, remedy })
    throw error
  })
  if (names.length === 0) return
  throw new InputError('exists', `"${directory}" is not empty: it holds "${names[0] ?? ''}"`, {
    subject: directory,
    remedy,
  })
}

/**
 * Reads a regular file and nothing else: no link is followed to it, no pipe or device is opened. For names that somebody else may have put there.
 *
 * @param limit most bytes
 * @param name how a message calls it
 * @returns null where there is none
 * @throws InputError `file-invalid`
 */
export async function readPlainFile(path: string, limit: number, name = path): Promise<Buffer | null> {
  const refuse = (why: string, cause?: unknown): InputError =>
    new InputError('file-invalid', `"${name}" ${why}`, { subject: name, cause, remedy: 'Give a regular file.' })
  // A pipe would block without a writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const handle = await open(path, flags).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null
    throw refuse(cause.code === 'ELOOP' ? 'is a link' : `cannot be read: ${cause.message}`, cause)
  })
  if (handle === null) return null
  try {
    const info = await handle.stat()
    if (!info.isFile()) throw refuse('is not a regular file')
    if (info.size > limit) throw refuse(`is larger than ${limit} bytes`)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

/**
 * Removes a folder with all that it holds. Folders without write permission, as images have them, are opened first; no link is followed.
 */
export async function removeTree(directory: string): Promise<void> {
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true })
  await remove().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EACCES' && error.code !== 'EPERM' && error.code !== 'ENOTEMPTY') throw error
    await openFolders(directory)
    await remove()
  })
}

async function openFolders(directory: string): Promise<void> {
  await chmod(directory, 0o700)
  for (const entry of await readdir(directory, { withFileTypes: true }))
    if (entry.isDirectory()) await openFolders(join(directory, entry.name))
}
