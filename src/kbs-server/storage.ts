import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeFile } from '../base/write-file.ts'
import { InputError, systemError } from '../base/errors.ts'
import { replaceFile } from '../base/files.ts'
import type { Ports } from '../base/ports.ts'
import { sweep } from '../oci/lock.ts'

/** Files of an embedded KBS: 0700 folders, 0600 files, each replaced in one step. Keys are path segments that were checked by the caller. */
export interface Storage {
  read(...key: string[]): Promise<Buffer | null>
  write(value: Uint8Array | string, ...key: string[]): Promise<void>
  /** False where there was nothing. */
  remove(...key: string[]): Promise<boolean>
}

/** @param directory absolute; made when it is not there. @throws InputError `file-invalid` */
export async function openStorage(directory: string, ports: Ports): Promise<Storage> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await chmod(directory, 0o700)
    // Its keys must not travel with a commit.
    await writeFile(join(directory, '.gitignore'), '*\n')
    // A killed KBS may have left half a file: of a secret, too.
    await sweep(directory, ports)
  } catch (cause) {
    throw (
      systemError(cause) ??
      new InputError('file-invalid', `${directory} cannot hold an embedded KBS`, {
        subject: directory,
        cause,
        remedy: 'Name a directory of your own that can be written.',
      })
    )
  }
  const path = (key: readonly string[]): string =>
    join(directory, ...key.map((part) => encodeURIComponent(part).replace(/^\./, '%2E')))
  const absent = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'
  return {
    read: async (...key) => {
      try {
        return await readFile(path(key))
      } catch (error) {
        if (absent(error)) return null
        throw error
      }
    },
    write: async (value, ...key) => {
      const full = path(key)
      await mkdir(dirname(full), { recursive: true, mode: 0o700 })
      await replaceFile(full, value, { through: directory })
    },
    remove: async (...key) => {
      try {
        await rm(path(key))
        return true
      } catch (error) {
        if (absent(error)) return false
        throw error
      }
    },
  }
}
