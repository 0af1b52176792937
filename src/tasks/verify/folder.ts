import { createReadStream } from 'node:fs'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ByteSource } from '../../base/streams.ts'
import { collect } from '../../base/streams.ts'
import { readTar } from '../../image/tar-read.ts'
import { writeTar } from '../../image/tar-write.ts'
import type { TarEntry } from '../../image/types.ts'

/** No file of a collateral folder is larger. */
const fileLimit = 32 << 20

/** A file, or the files of a folder, as one stream for a worker. */
export async function packFiles(path: string): Promise<ByteSource> {
  const info = await stat(path)
  const names = info.isDirectory() ? (await readdir(path)).sort() : [basename(path)]
  async function* entries(): AsyncGenerator<TarEntry> {
    for (const name of names) {
      const full = info.isDirectory() ? join(path, name) : path
      const found = await stat(full)
      if (!found.isFile()) continue
      const owner = { uid: 0, gid: 0, uname: '', gname: '', mtime: 0, link: '', devMajor: 0, devMinor: 0, xattrs: {} }
      yield {
        header: {
          path: `${info.isDirectory() ? 'folder' : 'file'}/${name}`,
          type: 'file',
          mode: 0o600,
          size: found.size,
          ...owner,
        },
        body: createReadStream(full),
      }
    }
  }
  return writeTar(entries())
}

/** @returns path of the folder, or of the one file, below `to` */
export async function unpackFiles(stream: ByteSource, to: string): Promise<string> {
  const folder = join(to, 'folder')
  await mkdir(folder, { recursive: true })
  let only: string | null = null
  for await (const { header, body } of readTar(stream, 'the packed files')) {
    const bytes = await collect(body, fileLimit, header.path)
    const path = join(folder, basename(header.path))
    await writeFile(path, bytes)
    if (header.path.startsWith('file/')) only = path
  }
  return only ?? folder
}
