import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { bare, newInode, StageFs } from './stage-fs.ts'

/** The settled copy of the context as a file system to copy from: owners 0:0, one time, contents on disk. */
export async function contextFs(root: string, epoch: number): Promise<StageFs> {
  const fs = new StageFs()
  const visit = async (folder: string): Promise<void> => {
    for (const name of await readdir(join(root, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`
      const full = join(root, path)
      const stat = await lstat(full)
      const inode = newInode()
      if (stat.isDirectory()) {
        fs.set(path, { ...bare('dir', 0o755, epoch), inode })
        await visit(path)
      } else if (stat.isSymbolicLink()) {
        fs.set(path, { ...bare('symlink', 0o777, epoch), link: await readlink(full), inode })
      } else {
        const mode = stat.mode & 0o777
        fs.set(path, { ...bare('file', mode, epoch), size: stat.size, content: { path: full }, inode })
      }
    }
  }
  await visit('')
  return fs
}
