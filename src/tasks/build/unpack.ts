import { createWriteStream } from 'node:fs'
import { chmod, mkdir, readFile, realpath, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { VerificationError } from '../../base/errors.ts'
import { parseJson } from '../../base/json.ts'
import type { ByteSource } from '../../base/streams.ts'
import type { BuildMaterial } from '../../build/material.ts'
import { gitSource } from '../../build/source/git.ts'
import { readTar } from '../../image/tar-read.ts'
import { packedSourceSchema } from './packed.ts'
import { isInside } from './paths.ts'

/**
 * Writes a packed source into a private folder and checks the commit that it claims. No entry is written through a link of the stream: what
 * is a folder was made here.
 *
 * @param folder empty folder of the worker
 * @throws VerificationError `path-escape`, `format-invalid`, `source-mismatch`
 */
export async function unpackSource(stream: ByteSource, folder: string): Promise<BuildMaterial> {
  const root = await realpath(folder)
  const folders = new Set<string>(['.'])
  const enter = async (path: string): Promise<void> => {
    if (folders.has(path)) return
    await enter(dirname(path))
    await mkdir(join(root, path)).catch((cause: NodeJS.ErrnoException) => {
      throw new VerificationError('path-escape', `${path} of the packed source is not a folder of its own`, {
        subject: path,
        cause,
      })
    })
    folders.add(path)
  }
  for await (const { header, body } of readTar(stream, 'the packed source')) {
    const { path, type } = header
    const full = join(root, path)
    await enter(dirname(path))
    if (type === 'dir') await enter(path)
    else if (type === 'symlink') await symlink(header.link, full)
    else if (type === 'file') {
      await pipeline(Readable.from(body), createWriteStream(full, { flags: 'wx', mode: 0o600 }))
      await chmod(full, header.mode & 0o777)
    } else throw invalid(`${path} is neither file, folder nor symlink`)
  }
  return materialOf(root)
}

async function materialOf(root: string): Promise<BuildMaterial> {
  const meta = packedSourceSchema.parse(parseJson(await text(root, 'source.json'), 'source.json'))
  const top = join(root, 'top')
  await mkdir(top, { recursive: true })
  const context = join(top, meta.context)
  const path = join(root, meta.file)
  if (!isInside(top, context) || !isInside(root, path)) throw invalid('it names a place outside of itself')
  await mkdir(context, { recursive: true })
  // Neither may be a link of the stream: it would lead to the worker's own files.
  if ((await realpath(context)) !== context || (await realpath(path)) !== path) throw invalid('it names a link')
  const { git } = meta
  return {
    context,
    file: { path, bytes: await readFile(path) },
    source:
      git === null
        ? null
        : gitSource({
            top,
            ...git,
            body: await readFile(join(root, 'git/commit')),
            listing: await readFile(join(root, 'git/listing')),
          }),
  }
}

async function text(root: string, name: string): Promise<string> {
  return readFile(join(root, name), 'utf8').catch((cause: unknown) => {
    throw new VerificationError('format-invalid', `the packed source has no ${name}`, { subject: name, cause })
  })
}

function invalid(why: string): VerificationError {
  return new VerificationError('format-invalid', `the packed source is refused: ${why}`, { subject: 'context' })
}
