import type { ByteSource } from '../../base/streams.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { Log } from '../../base/ports.ts'
import { decompress } from '../../image/compress.ts'
import { inflateLimits } from '../../image/inflate-limits.ts'
import { digestingLayer, omittedBytes } from '../../image/layer-digest.ts'
import type { LayerRecords } from '../../image/layer-records.ts'
import { MergedView } from '../../image/merged-view.ts'
import type { Row, Rows } from '../../image/rows.ts'
import { holeCount, readTar, type HoleCount } from '../../tar/read.ts'
import type { TarEntry, TarHeader } from '../../image/types.ts'
import type { Spool } from '../../image/spool.ts'
import type { Content } from './content.ts'
import { bare, newFolder, newInode, StageFs, type BaseImage, type FsNode } from './stage-fs.ts'

/**
 * Merges an image's layers into names and attributes, as the inventory of the image has them; contents stay in the layers until
 * {@link fetchContents} is asked for some.
 *
 * @throws VerificationError `archive-ambiguous`, `path-escape`, `format-invalid`, `digest-mismatch`
 */
export async function readBase(base: BaseImage, epoch: number, log: Log): Promise<StageFs> {
  const view = new MergedView()
  const count = base.image.manifest.layers.length
  const holes = holeCount()
  for (let index = count - 1; index >= 0; index--) {
    log.progress(`reading base layer ${count - index} of ${count}`)
    const records = view.layer(`layer ${base.image.manifest.layers[index]?.digest ?? index}`)
    let serial = -1
    for await (const { header } of layerEntries(base, index, records, holes)) {
      serial++
      if (!records.addWhiteout(header)) records.add(header, index, serial)
    }
    view.apply(records)
  }
  const fs = new StageFs()
  const nodes = new Map<Row, FsNode>()
  const inventory = view.finish()
  const { rows } = inventory
  // Folders come before what is in them.
  for (const { path } of inventory) {
    if (path === '.') continue
    const row = inventory.layerRow(path)
    if (row === 0) fs.set(path, newFolder(epoch))
    else fs.set(path, sharedNode(rows, rows.contentOf(row), { nodes, base, epoch }))
  }
  return fs
}

/** Entries of one layer; at the end its diff id has been checked. */
async function* layerEntries(
  base: BaseImage,
  index: number,
  records?: LayerRecords,
  holes?: HoleCount,
): AsyncGenerator<TarEntry> {
  const descriptor = base.image.manifest.layers[index]
  if (descriptor === undefined) return
  if (descriptor.mediaType.includes('encrypted')) {
    throw new InputError('unsupported', 'the base image has encrypted layers', {
      subject: base.image.descriptor.digest,
      remedy: 'Use a plain base image.',
    })
  }
  const plain = digestingLayer(
    decompress(
      descriptor.mediaType,
      await base.store.openBlob(descriptor),
      inflateLimits,
      `layer ${descriptor.digest}`,
    ),
  )
  yield* readTar(plain.stream, `layer ${descriptor.digest}`, { global: records?.addGlobal.bind(records), holes })
  // What follows the archive's end belongs to the diff id as well.
  for await (const rest of plain.stream) void rest
  const want = base.image.config.rootfs.diff_ids[index]
  if (want === undefined || omittedBytes(plain.result(), want, descriptor.mediaType) === null) {
    throw new VerificationError('digest-mismatch', `a layer of the base image has not the diff id ${want ?? 'none'}`, {
      subject: descriptor.digest,
    })
  }
}

/** All names of a file are one node. */
function sharedNode(
  rows: Rows,
  row: Row,
  { nodes, base, epoch }: { nodes: Map<Row, FsNode>; base: BaseImage; epoch: number },
): FsNode {
  const known = nodes.get(row)
  if (known !== undefined) return known
  const { path, type, mode, uid, gid, size, link = '', device = '0:0' } = rows.entry(row)
  if (type === 'socket') throw new Error('a layer has no sockets: only folders do')
  const [devMajor = 0, devMinor = 0] = device.split(':').map(Number)
  const header = { path, type, mode, uid, gid, size, link, devMajor, devMinor }
  const rest = { uname: '', gname: '', mtime: rows.mtime(row), xattrs: { ...rows.xattrs(row) } }
  const content = { base, layer: rows.layer(row), serial: rows.serial(row) }
  const node = nodeOf({ ...header, ...rest }, epoch, content)
  nodes.set(row, node)
  return node
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
  const byBase = new Map<BaseImage, Map<number, Map<number, FsNode[]>>>()
  for (const node of nodes) {
    if (node.content === null || !('layer' in node.content)) continue
    const { base, layer, serial } = node.content
    const layers = byBase.get(base) ?? new Map<number, Map<number, FsNode[]>>()
    const wanted = layers.get(layer) ?? new Map<number, FsNode[]>()
    wanted.set(serial, [...(wanted.get(serial) ?? []), node])
    byBase.set(base, layers.set(layer, wanted))
  }
  for (const [base, layers] of byBase) {
    for (const [layer, wanted] of layers) {
      let serial = -1
      for await (const { header, body } of layerEntries(base, layer)) {
        const targets = wanted.get(++serial)
        if (targets === undefined) continue
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
