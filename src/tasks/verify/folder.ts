import { mkdir } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { VerificationError } from '../../base/errors.ts'
import type { ByteSource } from '../../base/streams.ts'
import { collect, once } from '../../base/streams.ts'
import { readTar } from '../../tar/read.ts'
import { writeTar } from '../../tar/write.ts'
import type { TarEntry } from '../../image/types.ts'
import { bytesOf, collateralFiles, limits } from '../../tee/collateral/directory.ts'

/**
 * Collateral, one file or a folder with those below it, as one stream for a worker.
 *
 * @throws InputError `file-missing`, `file-invalid`
 */
export async function packFiles(path: string): Promise<ByteSource> {
  const files = await collateralFiles([path])
  async function* entries(): AsyncGenerator<TarEntry> {
    for (const file of files) {
      const bytes = await bytesOf(file)
      const owner = { uid: 0, gid: 0, uname: '', gname: '', mtime: 0, link: '', devMajor: 0, devMinor: 0, xattrs: {} }
      const place = file === path ? `file/${basename(file)}` : `folder/${relative(path, file)}`
      yield { header: { path: place, type: 'file', mode: 0o600, size: bytes.length, ...owner }, body: once(bytes) }
    }
  }
  return writeTar(entries())
}

/**
 * @returns path of the folder, or of the one file, below `to`
 * @throws VerificationError `path-escape`, `format-invalid`
 */
export async function unpackFiles(stream: ByteSource, to: string): Promise<string> {
  const folder = join(to, 'folder')
  await mkdir(folder, { recursive: true })
  let only: string | null = null
  let [count, size] = [0, 0]
  for await (const { header, body } of readTar(stream, 'the packed files', { guests: false })) {
    if (header.type !== 'file') throw invalid(`${header.path} is no file`)
    const bytes = await collect(body, limits.fileBytes, header.path)
    count++
    size += bytes.length
    if (count > limits.files || size > limits.bytes) throw invalid('they are too many or too large')
    // Nothing but files and folders is made here: no name leads out by a link.
    const path = join(folder, header.path.replace(/^(?:file|folder)\//, ''))
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, bytes, { flag: 'wx' }).catch((cause: unknown) => {
      throw invalid(`${header.path} stands where another one is`, cause)
    })
    if (header.path.startsWith('file/')) only = path
  }
  return only ?? folder
}

function invalid(why: string, cause?: unknown): VerificationError {
  return new VerificationError('format-invalid', `the packed files are refused: ${why}`, {
    subject: 'collateral',
    cause,
  })
}
