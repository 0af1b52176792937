import { collect, once, sha256 } from '../../src/base/streams.ts'
import { compress, type Compression } from '../../src/image/compress.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import type { TarEntry, TarHeader } from '../../src/tar/types.ts'
import { writeTar } from '../../src/tar/write.ts'

const most = 64 << 20
const types = { gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd, none: mediaTypes.layerTar } as const

function entry(path: string, more: Partial<TarHeader> = {}, text = ''): TarEntry {
  const bytes = Buffer.from(text)
  const header: TarHeader = {
    ...{
      path,
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      uname: '',
      gname: '',
      size: bytes.length,
      mtime: 1_700_000_000,
    },
    ...{ link: '', devMajor: 0, devMinor: 0, xattrs: {} },
    ...more,
  }
  return { header, body: once(bytes) }
}
const dir = (path: string, mode = 0o755): TarEntry => entry(path, { type: 'dir', mode })

/** Three layers with what unpackers get wrong: owners, setuid, links, whiteouts, an opaque folder, long names, files in place of folders. */
function layers(): TarEntry[][] {
  const long = `data/${'long-name-'.repeat(15)}`
  const big = Array.from({ length: 40_000 }, (_, n) => `${(n * 7919) % 65_521} `).join('')
  return [
    [
      ...[dir('etc'), entry('etc/conf', { mode: 0o600 }, 'one\n'), dir('usr'), dir('usr/bin')],
      entry('usr/bin/run', { mode: 0o4755 }, '#!/bin/sh\n'),
      ...[dir('data'), entry('data/old', {}, 'old'), entry('data/keep', { uid: 1000, gid: 1001 }, big)],
      entry('data/hard', { type: 'hardlink', link: 'data/keep', uid: 1000, gid: 1001 }),
      entry('data/soft', { type: 'symlink', link: '../etc/conf', mode: 0o777 }),
      ...[dir('gone'), entry('gone/a', {}, 'a'), dir('becomes-file'), entry('becomes-file/x', {}, 'x')],
    ],
    [
      ...[dir('data'), entry('data/.wh.old'), dir('gone'), entry('gone/.wh..wh..opq'), entry('gone/b', {}, 'b')],
      ...[dir('etc'), entry('etc/conf', {}, 'two\n'), entry('.wh.becomes-file')],
    ],
    [dir('data'), entry(long, {}, 'long'), dir('tmp', 0o1777), entry('becomes-file', {}, 'now a file')],
  ]
}

/** Puts the image. @param kinds compression of each layer, the last one for those that follow; @param isNamedGzip whatever they are */
export async function putGuestImage(
  store: Store,
  tag: string,
  kinds: readonly Compression[],
  isNamedGzip = false,
): Promise<Descriptor> {
  const put = async (bytes: Buffer, mediaType: string): Promise<Descriptor> => ({
    mediaType,
    ...(await store.putBlob({ bytes })),
  })
  const diffIds: Digest[] = []
  const descriptors: Descriptor[] = []
  for (const [n, entries] of layers().entries()) {
    const tar = await collect(writeTar(entries), most, 'layer')
    const kind = kinds[n] ?? kinds.at(-1) ?? 'gzip'
    const bytes = kind === 'none' ? tar : await collect(compress(kind, once(tar)), most, 'layer')
    diffIds.push(sha256(tar))
    descriptors.push(await put(bytes, types[isNamedGzip ? 'gzip' : kind]))
  }
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/usr/bin'], Cmd: ['/usr/bin/run'] },
    rootfs: { type: 'layers', diff_ids: diffIds },
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: await put(Buffer.from(JSON.stringify(config)), mediaTypes.config),
    layers: descriptors,
  } as const
  return store.putManifest(manifestBytes({ ...manifest, layers: descriptors }), mediaTypes.manifest, { tag })
}
