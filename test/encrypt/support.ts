import { gzipSync } from 'node:zlib'
import { sha256 } from '../../src/base/streams.ts'
import type { Ports } from '../../src/base/ports.ts'
import { loadImage } from '../../src/image/load.ts'
import type { Image } from '../../src/image/types.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import { collect, type ByteSource } from '../../src/base/streams.ts'

/** An image of some layers (bytes that need not be tar for these tests) in a layout. */
export async function makeImage(
  directory: string,
  ports: Ports,
  contents: Buffer[],
  layerType: string = mediaTypes.layerGzip,
): Promise<{ store: Store; image: Image }> {
  const store = openLayout(directory, 'localhost/test', ports)
  const layers: Descriptor[] = []
  for (const content of contents) {
    const bytes = layerType.endsWith('gzip') ? gzipSync(content) : content
    const { digest, size } = await store.putBlob({ bytes })
    layers.push({ mediaType: layerType, digest, size })
  }
  const diffIds = contents.map((content) => sha256(content) as Digest)
  const config = await store.putBlob({
    bytes: Buffer.from(
      JSON.stringify({ os: 'linux', architecture: 'amd64', config: {}, rootfs: { type: 'layers', diff_ids: diffIds } }),
    ),
  })
  const manifest = {
    schemaVersion: 2 as const,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...config },
    layers,
  }
  const descriptor = await store.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag: 'latest' })
  return { store, image: await loadImage(store, descriptor.digest) }
}

export async function bytesOf(source: ByteSource): Promise<Buffer> {
  return collect(source, 64 << 20, 'test')
}

/** The code of the error that a promise ends with, or `resolved`. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'resolved'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}
