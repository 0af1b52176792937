import { writeTar } from '../../tar/write.ts'
import type { TarEntry } from '../../image/types.ts'
import type { Store } from '../../oci/types.ts'
import { storeLayer, type NewLayer } from '../layer.ts'
import { openContent } from './content.ts'
import type { FsNode } from './stage-fs.ts'

/** Writes a layer from nodes whose contents are at hand: sorted by path, several names of one file as hard links to the first. */
export async function writeLayer(
  nodes: ReadonlyMap<string, FsNode>,
  store: Store,
  compression: 'gzip' | 'zstd',
): Promise<NewLayer> {
  return storeLayer(writeTar(entries(nodes)), store, compression)
}

async function* entries(nodes: ReadonlyMap<string, FsNode>): AsyncGenerator<TarEntry> {
  const sorted = [...nodes]
    .map(([path, node]) => ({ path, node, key: Buffer.from(path) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
  const first = new Map<number, string>()
  for (const { path, node } of sorted) {
    const known = node.type === 'file' ? first.get(node.inode) : undefined
    if (known === undefined) first.set(node.inode, path)
    yield {
      header: {
        path,
        type: known === undefined ? node.type : 'hardlink',
        mode: node.mode,
        uid: node.uid,
        gid: node.gid,
        uname: '',
        gname: '',
        size: known === undefined ? node.size : 0,
        mtime: node.mtime,
        link: known ?? node.link,
        devMajor: node.device?.major ?? 0,
        devMinor: node.device?.minor ?? 0,
        xattrs: node.xattrs,
      },
      body: known === undefined ? contentOf(node) : nothing(),
    }
  }
}

function contentOf(node: FsNode): AsyncIterable<Uint8Array> {
  if (node.content === null) return nothing()
  if ('layer' in node.content) throw new Error('the content still lies in a layer')
  return openContent(node.content)
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
