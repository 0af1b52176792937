import { chmod, lstat, lutimes, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../base/errors.ts'

/**
 * Gives every file of a build's own copy of the context a mode that git knows (0644, 0755) and one time, so that neither the
 * umask nor the clock nor what `prepare` did shows in the image.
 *
 * @param epoch seconds since 1970
 * @returns paths of all files and symlinks, relative
 */
export async function settleContext(root: string, epoch: number): Promise<string[]> {
  const paths: string[] = []
  const visit = async (folder: string): Promise<void> => {
    for (const name of (await readdir(join(root, folder))).sort()) {
      const path = folder === '' ? name : `${folder}/${name}`
      const full = join(root, path)
      const stat = await lstat(full)
      if (stat.isDirectory()) {
        // First the right to look inside, which `prepare` may have withheld.
        await chmod(full, 0o755)
        await visit(path)
      } else {
        if (!stat.isFile() && !stat.isSymbolicLink()) {
          throw new InputError(
            'file-invalid',
            `${path}, made by the prepare command, is neither file, folder nor symlink`,
            {
              subject: path,
              remedy: 'Let the prepare command remove it.',
            },
          )
        }
        paths.push(path)
        if (stat.isFile()) await chmod(full, (stat.mode & 0o100) === 0 ? 0o644 : 0o755)
      }
      await lutimes(full, epoch, epoch)
    }
  }
  await visit('')
  await chmod(root, 0o755)
  await lutimes(root, epoch, epoch)
  return paths
}
