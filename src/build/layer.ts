import { digesting } from '../base/streams.ts'
import { compress } from '../image/compress.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../oci/types.ts'

export interface NewLayer {
  descriptor: Descriptor
  diffId: Digest
}

/** Streams entries through tar writer and compressor into the store; the diff id is taken on the way. */
export async function storeLayer(
  tar: AsyncIterable<Uint8Array>,
  store: Store,
  compression: 'gzip' | 'zstd',
): Promise<NewLayer> {
  const plain = digesting(tar)
  const blob = await store.putBlob({ stream: compress(compression, plain.stream) })
  const mediaType = compression === 'gzip' ? mediaTypes.layerGzip : mediaTypes.layerZstd
  return { descriptor: { mediaType, ...blob }, diffId: plain.result().digest as Digest }
}
