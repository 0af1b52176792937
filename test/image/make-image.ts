import { compress, type Compression } from '../../src/image/compress.ts'
import { writeTar } from '../../src/tar/write.ts'
import { loadImage } from '../../src/image/load.ts'
import type { EntryType, Image, TarEntry, TarHeader } from '../../src/image/types.ts'
import { collect, sha256, type ByteSource } from '../../src/base/streams.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

/** One entry of a test layer, in short. */
export interface Short {
  path: string
  type?: EntryType
  text?: string | Buffer
  link?: string
  mode?: number
  mtime?: number
  uid?: number
  xattrs?: Record<string, string>
  dev?: [number, number]
}

export function entry(short: Short): TarEntry {
  const type = short.type ?? (short.link !== undefined ? 'symlink' : short.path.endsWith('/') ? 'dir' : 'file')
  const bytes = Buffer.from(short.text ?? '')
  const header: TarHeader = {
    path: short.path.replace(/\/$/, ''),
    type,
    mode: short.mode ?? (type === 'dir' ? 0o755 : 0o644),
    uid: short.uid ?? 0,
    gid: 0,
    uname: '',
    gname: '',
    size: type === 'file' ? bytes.length : 0,
    mtime: short.mtime ?? 1000,
    link: short.link ?? '',
    devMajor: short.dev?.[0] ?? 0,
    devMinor: short.dev?.[1] ?? 0,
    xattrs: short.xattrs ?? {},
  }
  return { header, body: once(bytes) }
}

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

export async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export async function bytesOf(source: ByteSource): Promise<Buffer> {
  return collect(source, 1 << 30, 'test')
}

export async function tar(entries: readonly Short[]): Promise<Buffer> {
  return bytesOf(writeTar(entries.map(entry)))
}

export interface MadeImage {
  store: Store
  image: Image
  digest: Digest
  directory: string
}

/** Puts an image of these layers (bottom first; entries, or finished tar bytes) into a fresh layout, tagged `latest`. */
export async function makeImage(
  layers: readonly (readonly Short[] | Buffer)[],
  options: {
    compression?: Compression
    diffIds?: string[]
    config?: object
    mediaType?: string
    docker?: boolean
  } = {},
): Promise<MadeImage> {
  const directory = scratch('layout')
  const store = openLayout(directory, 'localhost/test', testPorts())
  const kind = options.compression ?? 'gzip'
  const layerType =
    options.mediaType ??
    (options.docker === true
      ? mediaTypes.dockerLayer
      : { gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd, none: mediaTypes.layerTar }[kind])
  const descriptors: Descriptor[] = []
  const diffIds: string[] = []
  for (const layer of layers) {
    const plain = Buffer.isBuffer(layer) ? layer : await tar(layer as readonly Short[])
    diffIds.push(sha256(plain))
    const blob = await bytesOf(compress(kind, once(plain)))
    descriptors.push({ mediaType: layerType, ...(await store.putBlob({ bytes: blob })) })
  }
  const config = {
    created: '2026-01-02T03:04:05Z',
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: options.diffIds ?? diffIds },
    ...options.config,
  }
  const blob = await store.putBlob({ bytes: Buffer.from(JSON.stringify(config)) })
  const mediaType = options.docker === true ? mediaTypes.dockerManifest : mediaTypes.manifest
  const configType = options.docker === true ? mediaTypes.dockerConfig : mediaTypes.config
  const manifest = manifestBytes({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: configType, ...blob },
    layers: descriptors,
  })
  const { digest } = await store.putManifest(manifest, mediaType, { tag: 'latest' })
  return { store, image: await loadImage(store, digest), digest, directory }
}
