import { digesting, type ByteSource } from '../../base/streams.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { Log } from '../../base/ports.ts'
import { decompress } from '../../image/compress.ts'
import { readTar } from '../../image/tar-read.ts'
import type { TarEntry, TarHeader } from '../../image/types.ts'
import type { Spool } from '../../image/spool.ts'
import type { Content } from './content.ts'
import { bare, newFolder, newInode, StageFs, type BaseImage, type FsNode } from './stage-fs.ts'

/** Merges an image's layers into names and attributes; contents stay in the layers until {@link fetchContents} is asked for some. */
export async function readBase(base: BaseImage, epoch: number, log: Log): Promise<StageFs> {
  const fs = new StageFs()
  for (const index of base.image.manifest.layers.keys()) {
    log.progress(`reading base layer ${index + 1} of ${base.image.manifest.layers.length}`)
    const entries = new Map<string, TarHeader>()
    for await (const { header } of layerEntries(base, index)) entries.set(header.path, header)
    applyWhiteouts(fs, entries)
    applyEntries(fs, entries, base, index, epoch)
  }
  return fs
}

/** Entries of one layer; at the end its diff id has been checked. */
async function* layerEntries(base: BaseImage, index: number): AsyncGenerator<TarEntry> {
  const descriptor = base.image.manifest.layers[index]
  if (descriptor === undefined) return
  if (descriptor.mediaType.includes('encrypted')) {
    throw new InputError('unsupported', 'the base image has encrypted layers', {
      subject: base.image.descriptor.digest,
      remedy: 'Use a plain base image.',
    })
  }
  const plain = digesting(decompress(descriptor.mediaType, await base.store.openBlob(descriptor)))
  yield* readTar(plain.stream, descriptor.digest)
  // What follows the archive's end belongs to the diff id as well.
  for await (const rest of plain.stream) void rest
  const want = base.image.config.rootfs.diff_ids[index]
  if (plain.result().digest !== want) {
    throw new VerificationError('digest-mismatch', `a layer of the base image has not the diff id ${want ?? 'none'}`, {
      subject: descriptor.digest,
    })
  }
}

function applyWhiteouts(fs: StageFs, entries: ReadonlyMap<string, TarHeader>): void {
  for (const path of entries.keys()) {
    const { folder, name } = split(path)
    if (name === '.wh..wh..opq') for (const child of fs.list(folder)) fs.remove(join(folder, child))
    else if (name.startsWith('.wh.') && !name.startsWith('.wh..wh.')) fs.remove(join(folder, name.slice(4)))
  }
}

function applyEntries(
  fs: StageFs,
  entries: ReadonlyMap<string, TarHeader>,
  base: BaseImage,
  layer: number,
  epoch: number,
): void {
  const late: TarHeader[] = []
  for (const header of entries.values()) {
    if (header.path === '.' || split(header.path).name.startsWith('.wh.')) continue
    if (header.type === 'hardlink') late.push(header)
    else put(fs, header.path, nodeOf(header, epoch, { base, layer, path: header.path }), epoch)
  }
  for (const header of late) {
    const target = fs.get(header.link)
    if (target === undefined || target.type !== 'file') {
      throw new VerificationError(
        'format-invalid',
        `hard link ${header.path} points at ${header.link}, which is no file`,
        {
          subject: header.path,
        },
      )
    }
    put(fs, header.path, target, epoch)
  }
}

/** Sets a node and the folders above it that the archive left out. */
export function put(fs: StageFs, path: string, node: FsNode, epoch: number): void {
  const parts = path.split('/')
  for (let i = 1; i < parts.length; i++) {
    const folder = parts.slice(0, i).join('/')
    if (fs.get(folder)?.type !== 'dir') fs.set(folder, newFolder(epoch))
  }
  fs.set(path, node)
}

/** A node from an archive's header (no hard link), its time clamped. */
export function nodeOf(header: TarHeader, epoch: number, content: FsNode['content']): FsNode {
  if (header.type === 'hardlink') throw new Error('a hard link has no node of its own')
  const device =
    header.type === 'char' || header.type === 'block' ? { major: header.devMajor, minor: header.devMinor } : null
  return {
    ...bare(header.type, header.mode, Math.min(header.mtime, epoch)),
    uid: header.uid,
    gid: header.gid,
    size: header.type === 'file' ? header.size : 0,
    link: header.type === 'symlink' ? header.link : '',
    device,
    xattrs: header.xattrs,
    content: header.type === 'file' ? content : null,
    inode: newInode(),
  }
}

/** Reads the contents of some files out of base layers into the spool; each layer at most once. */
export async function fetchContents(nodes: Iterable<FsNode>, spool: Spool): Promise<void> {
  const byBase = new Map<BaseImage, Map<number, Map<string, FsNode[]>>>()
  for (const node of nodes) {
    if (node.content === null || !('layer' in node.content)) continue
    const { base, layer, path } = node.content
    const layers = byBase.get(base) ?? new Map<number, Map<string, FsNode[]>>()
    const wanted = layers.get(layer) ?? new Map<string, FsNode[]>()
    wanted.set(path, [...(wanted.get(path) ?? []), node])
    byBase.set(base, layers.set(layer, wanted))
  }
  for (const [base, layers] of byBase) {
    for (const [layer, wanted] of layers) {
      for await (const { header, body } of layerEntries(base, layer)) {
        const targets = header.type === 'file' ? wanted.get(header.path) : undefined
        if (targets === undefined) continue
        // A path that stands twice in a layer: the last one counts, as when it is unpacked.
        const content = await spoolBody(spool, body, header.size)
        for (const node of targets) node.content = content
      }
    }
  }
}

/** Puts a body away until its layer is written. */
export async function spoolBody(spool: Spool, body: ByteSource, size: number): Promise<Content> {
  return { spool, start: await spool.put(body), size }
}

function split(path: string): { folder: string; name: string } {
  const slash = path.lastIndexOf('/')
  return { folder: slash < 0 ? '' : path.slice(0, slash), name: path.slice(slash + 1) }
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}
