import { readFile, realpath, stat } from 'node:fs/promises'
import { basename, isAbsolute, join, relative, sep } from 'node:path'
import { InputError } from '../base/errors.ts'
import { containerfileNames } from './file-names.ts'
import type { GitSource } from './source/git.ts'

const maxContainerfile = 1024 * 1024

/** Folder of the context, absolute and without symlinks. @throws InputError `file-missing` */
export async function findContext(path: string): Promise<string> {
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory() === true) return realpath(path)
  throw new InputError('file-missing', `the context ${path} is no folder`, {
    subject: 'context',
    remedy: 'Give the folder that holds what is to be copied into the image.',
  })
}

/** The Containerfile: the one that was named, else `Containerfile`, else `Dockerfile` in the context. @throws InputError `file-missing` */
export async function findContainerfile(
  context: string,
  file: string | null,
): Promise<{ path: string; bytes: Buffer }> {
  const candidates = file === null ? containerfileNames.map((name) => join(context, name)) : [file]
  for (const path of candidates) {
    const info = await stat(path).catch(() => null)
    if (info?.isFile() !== true) continue
    if (info.size > maxContainerfile) {
      throw new InputError('file-invalid', `${path} is larger than ${maxContainerfile} bytes`, { subject: 'file' })
    }
    return { path: await realpath(path), bytes: await readFile(path) }
  }
  throw new InputError('file-missing', file === null ? `${context} holds no Containerfile` : `${file} is not there`, {
    subject: 'file',
    remedy: 'Write a Containerfile into the context, or name one with `file`.',
  })
}

/**
 * Whether `path` is the Containerfile that a build of this context takes where none is named. The commit decides, since a step could leave a file
 * out of what it hands on (TRUST §5.8); without a commit there is nothing to go by but the name.
 */
export function isByDefault(source: GitSource | null, context: string, path: string): boolean {
  const own = containerfileNames.map((name) => join(context, name))
  const place = own.indexOf(path)
  return place >= 0 && !own.slice(0, place).some((before) => source?.files.has(relative(source.top, before)) === true)
}

/** A path for the record: relative to `root` where it lies inside, else only its name, which says nothing of this machine. */
export function publicPath(root: string, path: string): string {
  const rest = relative(root, path)
  if (rest === '') return '.'
  return rest === '..' || rest.startsWith(`..${sep}`) || isAbsolute(rest) ? basename(path) : rest
}
