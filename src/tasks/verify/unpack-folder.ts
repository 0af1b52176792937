import { lstat } from 'node:fs/promises'
import { removeTree, requireEmpty } from '../../base/files.ts'
import type { JobState } from '../../agent/job-state.ts'

const fact = 'rootfs-path'

/**
 * The folder that an image is unpacked into. The step's own folder in the state directory is removed first, so that a run can be started again
 * and a refused image leaves no older one behind; a folder that somebody named must be empty, since it may hold anything.
 *
 * @param given absolute folder; null for the step's own
 * @throws InputError `exists`
 */
export async function unpackFolder(given: string | null, state: JobState): Promise<string> {
  const directory = given ?? (await state.path('rootfs'))
  // Only what an earlier run of this state directory made is removed: the fact is written before anything is unpacked.
  if (given === null && (await state.recall(fact)) === directory && (await isFolder(directory)))
    await removeTree(directory)
  await requireEmpty(directory)
  if (given === null) await state.remember(fact, directory)
  return directory
}

async function isFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  return found?.isDirectory() ?? false
}
