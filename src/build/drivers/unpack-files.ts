import { link, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { writeStream } from '../../base/write-file.ts'
import type { TarEntry } from '../../image/types.ts'

/** Writes the plain files of an archive below a folder; old engines name equal layers by symlink, which becomes a hard link. Paths were checked by the reader. */
export async function unpackTarFiles(entries: AsyncIterable<TarEntry>, folder: string): Promise<void> {
  const links: { from: string; to: string }[] = []
  for await (const { header, body } of entries) {
    const path = join(folder, header.path)
    await mkdir(dirname(path), { recursive: true })
    if (header.type === 'file') await pipeline(Readable.from(body), writeStream(path, { flags: 'wx' }))
    else if (header.type === 'hardlink') links.push({ from: join(folder, header.link), to: path })
    else if (header.type === 'symlink') {
      const target = join(dirname(path), header.link)
      if (target.startsWith(`${folder}/`)) links.push({ from: target, to: path })
    }
  }
  for (const { from, to } of links) await link(from, to)
}
