import { InputError } from '../../base/errors.ts'
import type { LayerDraft } from './draft.ts'
import { globPaths, isGlob } from './glob.ts'
import { newInode, type FsNode, type StageFs } from './stage-fs.ts'

export interface CopyRequest {
  sources: string[]
  /** As written; relative to `workdir`. */
  destination: string
  /** Absolute. */
  workdir: string
  /** Where sources are taken from. */
  from: StageFs
  /** How messages call that: `the context`, `stage build`. */
  fromName: string
  owner: { uid: number; gid: number } | null
  mode: number | null
  draft: LayerDraft
  /** Takes over a file that ADD unpacks; true when it did. */
  unpack?: ((node: FsNode, name: string, folder: string) => Promise<boolean>) | undefined
}

/**
 * COPY as Docker defines it: a folder's contents go into the destination; a file goes into it when it ends in a slash or is a
 * folder; several sources need a folder; symlinks named as a source are followed inside the source's root, others copied as they are.
 *
 * @throws InputError `file-invalid`, `not-found`
 */
export async function copyInto(request: CopyRequest): Promise<void> {
  const { draft, from } = request
  const paths = request.sources.flatMap((source) => findSources(request, source))
  const wanted = request.destination
  const absolute = wanted.startsWith('/') ? wanted : `${request.workdir}/${wanted}`
  const target = draft.fs.resolve(absolute, true)
  const asFolder = /(^|\/)\.?$/.test(wanted)
  if (paths.length > 1 && !asFolder) {
    throw draft.error(`with several sources the destination must be a folder and end in a slash, but it is ${wanted}`)
  }
  const links = new Map<number, number>()
  for (const path of paths) {
    const real = from.resolve(path, true)
    const node = real === '' ? undefined : from.get(real)
    if (real !== '' && node === undefined) throw missing(request, path)
    if (real === '' || node?.type === 'dir') {
      copyFolder(request, real, target, links)
    } else if (node !== undefined) {
      const name = path.slice(path.lastIndexOf('/') + 1)
      const into = asFolder || draft.fs.get(target)?.type === 'dir' || target === ''
      if ((await request.unpack?.(node, name, target)) === true) continue
      const full = into ? (target === '' ? name : `${target}/${name}`) : target
      copyNode(request, node, full, links)
    }
  }
}

function findSources(request: CopyRequest, source: string): string[] {
  const parts: string[] = []
  for (const part of source.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) {
      throw request.draft.error(`${source} leaves ${request.fromName}`)
    }
  }
  const path = parts.join('/')
  if (!isGlob(path)) return [path]
  const tree = {
    list: (folder: string) => request.from.list(request.from.resolve(folder, true)),
    isFolder: (folder: string) => request.from.get(request.from.resolve(folder, true))?.type === 'dir',
  }
  const found = globPaths(path, tree, source)
  if (found.length === 0) throw missing(request, source)
  return found
}

function copyFolder(request: CopyRequest, source: string, target: string, links: Map<number, number>): void {
  const { draft } = request
  const existing = draft.fs.get(target)
  // Only the contents are copied: a new folder gets the attributes of any that is made on the way.
  if (existing === undefined) draft.ensureFolder(target, request.owner)
  else if (existing.type !== 'dir') throw draft.error(`/${target} is no folder, so a folder cannot be copied there`)
  copyChildren(request, source, target, links)
}

function copyChildren(request: CopyRequest, source: string, target: string, links: Map<number, number>): void {
  for (const name of request.from.list(source)) {
    const from = source === '' ? name : `${source}/${name}`
    const to = target === '' ? name : `${target}/${name}`
    const node = request.from.get(from)
    if (node === undefined) continue
    const placed = copyNode(request, node, to, links)
    if (node.type === 'dir') copyChildren(request, from, placed, links)
  }
}

/** @returns the path it went to, symlinked folders of the stage resolved */
function copyNode(request: CopyRequest, node: FsNode, target: string, links: Map<number, number>): string {
  const { draft, owner, mode } = request
  const slash = target.lastIndexOf('/')
  const parent = slash < 0 ? '' : draft.ensureFolder(target.slice(0, slash), owner)
  const name = target.slice(slash + 1)
  let path = parent === '' ? name : `${parent}/${name}`
  // A folder onto a symlink to a folder (/bin on a merged /usr) goes where the link leads.
  if (node.type === 'dir' && draft.fs.get(path)?.type === 'symlink') path = draft.fs.resolve(path, true)
  const old = draft.fs.get(path)
  if (old !== undefined && (old.type === 'dir') !== (node.type === 'dir')) {
    throw draft.error(old.type === 'dir' ? `/${path} is a folder and cannot become a file` : `/${path} is no folder`)
  }
  // Hard links among what one instruction copies stay links among the copies.
  const inode = links.get(node.inode) ?? newInode()
  links.set(node.inode, inode)
  const copied = { ...node, ...owner, inode }
  if (mode !== null && node.type !== 'symlink') copied.mode = mode
  draft.place(path, copied)
  return path
}

function missing(request: CopyRequest, source: string): InputError {
  const inContext = request.fromName === 'the context'
  return new InputError('not-found', request.draft.error(`${source} is not in ${request.fromName}`).message, {
    subject: source,
    remedy: inContext
      ? 'Check the path, the ignore file, and that the prepare command makes it.'
      : 'Check the path inside that stage or image.',
  })
}
