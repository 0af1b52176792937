import { open, unlink } from 'node:fs/promises'
import type { RawInputs } from '../doors/context.ts'
import { InputError, withPath } from '../base/errors.ts'

export interface NewFileOptions {
  /** 0600 for what nobody else may read, from the first byte on. Default 0666 without the umask. */
  mode?: number
  /** Where the place is taken. */
  remedy?: string
}

/**
 * Writes the file that an option names. What somebody wrote before is never overwritten.
 *
 * @returns its path
 * @throws InputError `exists`, or `file-invalid` for a folder that isn't there
 */
export async function writeNewFile(
  inputs: RawInputs,
  name: string,
  content: Buffer | string,
  { mode, remedy = 'Name a new file in a folder that exists.' }: NewFileOptions = {},
): Promise<string> {
  const path = inputs.path(name)
  const handle = await open(path, 'wx', mode).catch((cause: NodeJS.ErrnoException) => {
    const taken = cause.code === 'EEXIST'
    if (!taken && cause.code !== 'ENOENT' && cause.code !== 'ENOTDIR' && cause.code !== 'EISDIR') throw cause
    throw new InputError(
      taken ? 'exists' : 'file-invalid',
      `${path} ${taken ? 'exists already' : 'cannot be written'}`,
      { subject: name, cause, remedy: taken ? remedy : 'Name a file in a folder that exists.' },
    )
  })
  try {
    await handle.writeFile(content).catch(async (error: unknown) => {
      // Half a file would be in the way of the next run.
      await unlink(path).catch(() => {})
      throw withPath(error, path)
    })
  } finally {
    await handle.close()
  }
  return path
}
