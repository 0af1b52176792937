import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { InputError } from '../../../base/errors.ts'
import type { Ports } from '../../../base/ports.ts'
import { readGitObjects } from '../../../build/source/git.ts'
import { openLocalTree } from '../../../sbom/subjects/tree/local.ts'
import type { PackedTree } from '../../../sbom/subjects/tree/packed.ts'
import { readXattrs } from '../../../sbom/subjects/tree/xattrs.ts'
import type { TreeKind } from '../../../sbom/subjects/types.ts'
import { isInside } from '../../build/paths.ts'
import { aboutGit, trackedPaths } from './git.ts'

/** A folder to describe, in the words of the step that may read it. */
export interface FolderRequest {
  kind: Exclude<TreeKind, 'disk'>
  /** Absolute. */
  path: string
  /** Absolute places that are left out: the state of the job, which holds its keys, and the documents of an earlier run. */
  exclude: readonly string[]
}

/**
 * Opens a folder as a tree, with what git says of it. A `source` in a git work tree holds the files that its commit tracks; without git it
 * holds everything but `.git`.
 *
 * @throws InputError `file-missing`, `file-invalid`, `tool-missing` (a git work tree without git)
 */
export async function openFolder({ kind, path, exclude }: FolderRequest, ports: Ports): Promise<PackedTree> {
  const root = await folderOf(kind, path)
  const closed = await placesBelow(root, exclude)
  const isOpen = (inner: string): boolean => closed.every((place) => !isInside(place, join(root, inner)))
  const git = kind === 'source' ? await readGit(root, ports) : null
  const tracked = git === null ? null : trackedPaths(git, relative(git.top, root))
  const takes = (inner: string, isFolder: boolean): boolean => {
    if (tracked !== null) return isFolder ? tracked.folders.has(inner) : tracked.files.has(inner)
    if (kind !== 'directory' && (inner === '.git' || inner.endsWith('/.git'))) return false
    return isOpen(inner)
  }
  const tree = await openLocalTree({
    root,
    proc: ports.roots.proc,
    takes,
    attributes: kind === 'directory' ? 'kept' : 'git',
    // git knows none.
    xattrs: kind === 'directory' ? (folder, paths) => readXattrs(folder, paths, ports.exec) : undefined,
  })
  return { about: git === null ? new Map() : aboutGit(git, relative(git.top, root)), tree }
}

/** Excluded places that lie below the root. One that holds the root itself excludes nothing: the user named what is to be described. */
async function placesBelow(root: string, exclude: readonly string[]): Promise<string[]> {
  const real = await Promise.all(
    exclude.map(async (place) => {
      const folder = await realpath(dirname(place)).catch(() => dirname(place))
      return join(folder, basename(place))
    }),
  )
  return real.filter((place) => place !== root && isInside(root, place))
}

async function folderOf(kind: string, path: string): Promise<string> {
  const remedy = `Write ${kind}:PATH with the path of a folder.`
  const found = await stat(path).catch((cause: unknown) => {
    throw new InputError('file-missing', `subject: "${path}" is not there, or cannot be read`, {
      subject: 'subject',
      cause,
      remedy,
    })
  })
  if (found.isDirectory()) return realpath(path)
  throw new InputError('file-invalid', `subject: "${path}" is not a folder`, { subject: 'subject', remedy })
}

async function readGit(root: string, ports: Ports): ReturnType<typeof readGitObjects> {
  const objects = await readGitObjects(root, ports)
  if (objects !== null) return objects
  if ((await stat(join(root, '.git')).catch(() => null)) === null) return null
  if ((await ports.exec.find('git')) === null) {
    throw new InputError('tool-missing', `"${root}" is a git work tree, and git was not found on PATH`, {
      subject: 'git',
      remedy: 'Install git, or describe every file of the folder with directory:PATH.',
    })
  }
  ports.log.warn(`"${root}" has no commit that git can read: every file but .git is described`)
  return null
}
