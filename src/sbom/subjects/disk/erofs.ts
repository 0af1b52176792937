import { lstat, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { erofsEntries } from './erofs-metadata.ts'
import type { ReadAt } from './partitions.ts'
import { damaged, requireRoom } from './refusals.ts'
import type { DiskContents, DiskPlace } from './types.ts'

/**
 * Reads erofs: metadata from its own structures, contents by `fsck.erofs`, which unpacks them in the sandbox.
 *
 * @param read from the start of the file system
 * @throws VerificationError `format-invalid`, InputError `unsupported`
 */
export async function readErofs(place: DiskPlace, read: ReadAt): Promise<DiskContents> {
  const { entries, gaps } = await erofsEntries(read)
  requireRoom(
    entries.reduce((sum, { size }) => sum + size, 0),
    place.mostBytes,
  )
  const { run, inside, out } = place
  const done = await run(['/usr/bin/fsck.erofs', `--extract=${inside.out}/tree`, '--no-preserve', inside.image])
  if (done.code !== 0)
    throw damaged(done.stderr.split('\n').find((line) => line.includes('erofs')) ?? 'fsck.erofs failed')
  // Nobody writes there any more: what lies behind no link now stays so.
  const root = join(await realpath(out), 'tree')
  const whole = entries.map(async (entry) => {
    if (entry.type !== 'file') return entry
    const file = join(root, entry.path)
    const [stat, real] = await Promise.all([lstat(file).catch(() => null), realpath(file).catch(() => null)])
    if (stat?.isFile() !== true || real !== file || stat.size !== entry.size)
      throw damaged(`"${entry.path}" could not be read as a whole`)
    return { ...entry, content: { file, offset: 0 } }
  })
  return { entries: await Promise.all(whole), gaps }
}
