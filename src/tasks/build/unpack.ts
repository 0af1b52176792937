import { chmod, mkdir, readFile, realpath, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { writeStream } from '../../base/write-file.ts'
import { VerificationError } from '../../base/errors.ts'
import { parseJson } from '../../base/json.ts'
import type { ByteSource } from '../../base/streams.ts'
import type { BuildMaterial } from '../../build/material.ts'
import { gitSource } from '../../build/source/git.ts'
import { readTar } from '../../tar/read.ts'
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
  for await (const { header, body } of readTar(stream, 'the packed source', { guests: false })) {
    const { path, type } = header
    const full = join(root, path)
    await enter(dirname(path))
    if (type === 'dir') await enter(path)
    else if (type === 'symlink') await symlink(header.link, full).catch(twice(path))
    else if (type === 'file') {
      await pipeline(Readable.from(body), writeStream(full, { flags: 'wx', mode: 0o600 })).catch(twice(path))
      await chmod(full, header.mode & 0o777)
    } else throw invalid(`${path} is neither file, folder nor symlink`)
  }
  return materialOf(root, enter)
}

async function materialOf(root: string, enter: (path: string) => Promise<void>): Promise<BuildMaterial> {
  const parsed = packedSourceSchema.safeParse(
    parseJson((await own(root, 'source.json')).toString('utf8'), 'source.json'),
  )
  if (!parsed.success) throw invalid('its source.json has another form')
  const { git, file, context: folder } = parsed.data
  const top = join(root, 'top')
  const context = join(top, folder)
  if (!isInside(top, context) || !isInside(root, join(root, file))) throw invalid('it names a place outside of itself')
  await enter('top')
  await enter(relative(root, context))
  return {
    context,
    file: { path: join(root, file), bytes: await own(root, file) },
    source:
      git === null
        ? null
        : gitSource({
            top,
            ...git,
            body: await own(root, 'git/commit'),
            listing: await own(root, 'git/listing'),
          }),
  }
}

/** A file of the stream. A link of it would lead to the worker's own files. */
async function own(root: string, name: string): Promise<Buffer> {
  const path = join(root, name)
  const real = await realpath(path).catch(() => null)
  if (real !== null && real !== path) throw invalid(`${name} is a link, or behind one`)
  return readFile(path).catch((cause: unknown) => {
    throw new VerificationError('format-invalid', `the packed source has no ${name}`, { subject: name, cause })
  })
}

/** What is there already is not written over: it may be a link. */
function twice(path: string): (cause: NodeJS.ErrnoException) => never {
  return (cause) => {
    throw cause.code === 'EEXIST' ? invalid(`${path} is in it twice`) : cause
  }
}

function invalid(why: string): VerificationError {
  return new VerificationError('format-invalid', `the packed source is refused: ${why}`, { subject: 'context' })
}
