import { createReadStream } from 'node:fs'
import { lstat, readFile, readlink } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { ByteSource } from '../../base/streams.ts'
import { listContext } from '../../build/context/list.ts'
import { ignoreFiles, readIgnoreRules } from '../../build/ignore.ts'
import { findContainerfile, findContext } from '../../build/inputs.ts'
import { readGitObjects } from '../../build/source/git.ts'
import { writeTar } from '../../tar/write.ts'
import type { TarEntry, TarHeader } from '../../image/types.ts'
import { isInside } from './paths.ts'
import type { PackedSource } from './packed.ts'

/**
 * What a build reads, as one stream for a worker: the Containerfile, ignore files, git's objects and the context, each at its place below the
 * repository's top. Read with the step's own rights; the worker believes nothing of it but what it hashed itself.
 */
export async function packSource(
  options: { context: string; file: string | null; exclude: readonly string[] },
  ports: Ports,
): Promise<ByteSource> {
  const context = await findContext(options.context)
  const file = await findContainerfile(context, options.file)
  const git = await readGitObjects(context, ports)
  const top = git?.top ?? context
  const place = (path: string): string =>
    isInside(top, path) ? `top/${relative(top, path)}` : `beside/${basename(path)}`
  const meta: PackedSource = {
    context: relative(top, context),
    file: place(file.path),
    git: git === null ? null : { commit: git.commit, remote: git.remote, version: git.version },
  }
  const extras = [file.path, ...ignoreFiles(context, file.path)]
  const rules = await readIgnoreRules(context, file.path)
  async function* entries(): AsyncGenerator<TarEntry> {
    yield bytesEntry('source.json', Buffer.from(JSON.stringify(meta)))
    if (git !== null) {
      yield bytesEntry('git/commit', git.body)
      yield bytesEntry('git/listing', git.listing)
    }
    const { files, folders } = await listContext({ from: context, rules, exclude: options.exclude })
    const prefix = meta.context === '' ? 'top' : `top/${meta.context}`
    for (const { path } of folders) yield { header: header(`${prefix}/${path}`, 'dir', 0o755), body: nothing() }
    const sent = new Set<string>()
    for (const path of files) {
      sent.add(`${prefix}/${path}`)
      yield await fileEntry(join(context, path), `${prefix}/${path}`).catch(changedMeanwhile(path))
    }
    for (const path of extras) {
      // One beside the Containerfile may lie elsewhere, or not at all; most lie in the context.
      const bytes = sent.has(place(path)) ? null : await readFile(path).catch(() => null)
      if (bytes !== null) yield bytesEntry(`${dirname(place(path))}/${basename(path)}`, bytes)
      sent.add(place(path))
    }
  }
  return writeTar(entries())
}

async function fileEntry(from: string, path: string): Promise<TarEntry> {
  const stat = await lstat(from)
  if (stat.isSymbolicLink()) {
    return { header: { ...header(path, 'symlink', 0o777), link: await readlink(from) }, body: nothing() }
  }
  const mode = (stat.mode & 0o100) === 0 ? 0o644 : 0o755
  return { header: { ...header(path, 'file', mode), size: stat.size }, body: fileBody(from, path) }
}

async function* fileBody(from: string, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(from) as ByteSource
  } catch (error) {
    changedMeanwhile(path.replace(/^top\//, ''))(error)
  }
}

/** A step that runs at the same time may take away or replace what was listed a moment ago. */
function changedMeanwhile(path: string): (error: unknown) => never {
  return (error) => {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : ''
    if (code !== 'ENOENT' && code !== 'EISDIR' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error
    throw new InputError('file-invalid', `"${path}" of the context changed while it was read`, {
      subject: path,
      cause: error,
      remedy: 'Let no other program write to the context during the build.',
    })
  }
}

function bytesEntry(path: string, bytes: Buffer): TarEntry {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  return { header: { ...header(path, 'file', 0o644), size: bytes.length }, body: body() }
}

function header(path: string, type: TarHeader['type'], mode: number): TarHeader {
  const owner = { uid: 0, gid: 0, uname: '', gname: '' }
  return { path, type, mode, ...owner, size: 0, mtime: 0, link: '', devMajor: 0, devMinor: 0, xattrs: {} }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
