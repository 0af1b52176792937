import { createHash, type Hash } from 'node:crypto'
import type { ByteSource } from '../base/streams.ts'

/** What the decompressed bytes of a layer hash to. */
export interface LayerDigest {
  digest: string
  size: number
  /** The digests with 1, 2 … 20 zero blocks behind the bytes; empty where these do not end with a block. */
  filled: readonly string[]
}

/** Bytes of a block, and blocks of a record: tar(1) fills the last record of an archive with zeros behind the end mark. */
const [block, record] = [512, 20]

/** @param hash has taken in all `size` bytes */
export function layerDigest(hash: Hash, size: number): LayerDigest {
  const digest = textOf(hash)
  const filled: string[] = []
  const zeros = Buffer.alloc(block)
  for (let i = 0; size % block === 0 && i < record; i++) filled.push(textOf(hash.update(zeros)))
  return { digest, size, filled }
}

function textOf(hash: Hash): string {
  return `sha256:${hash.copy().digest('hex')}`
}

/**
 * Zero bytes that a layer leaves out at its end; null where it is not the one with this diff id. skopeo leaves out the fill of the last record
 * when it writes zstd:chunked (1.9.3, seen; containers/storage). Zero blocks behind the last entry of an archive change nothing of what it
 * holds, and the diff id says that they belong there.
 */
export function omittedBytes({ digest, filled }: LayerDigest, diffId: string, mediaType: string): number | null {
  if (digest === diffId) return 0
  const at = /\+zstd(?:\+encrypted)?$/.test(mediaType) ? filled.indexOf(diffId) : -1
  return at === -1 ? null : (at + 1) * block
}

/** As `digesting`, for a layer. @param known digest that the source itself checks its bytes against: they are not hashed a second time */
export function digestingLayer(
  source: ByteSource,
  known: string | null = null,
): { stream: ByteSource; result: () => LayerDigest } {
  const hash = known === null ? createHash('sha256') : null
  let size = 0
  let done: LayerDigest | null = null
  async function* flow(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash?.update(chunk)
      size += chunk.length
      yield chunk
    }
  }
  const found = (): LayerDigest => (hash === null ? { digest: known ?? '', size, filled: [] } : layerDigest(hash, size))
  return { stream: flow(), result: () => (done ??= found()) }
}
