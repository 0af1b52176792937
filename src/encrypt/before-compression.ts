import { createHash } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import { inflate } from '../image/inflate.ts'
import { inflateLimits } from '../image/inflate-limits.ts'
import type { Descriptor, Digest } from '../oci/types.ts'

/**
 * The digest of a plain layer whose key comes with another digest: that of its content before compression. buildah compresses and encrypts in one go and writes
 * that one (container-libs `copy/encryption.go`). It binds key and nonce to the content as well as the usual one does.
 *
 * @param layer as it is encrypted; its media type says how it is compressed
 * @param plain the decrypted layer, whose MAC is compared on the way
 * @param named the digest in the private options
 * @returns null where the content has another digest, or cannot be decompressed
 */
export async function digestOfPacked(layer: Descriptor, plain: ByteSource, named: Digest): Promise<Digest | null> {
  const kind = /\+(gzip|zstd)\+encrypted$/.exec(layer.mediaType)?.[1]
  if (kind !== 'gzip' && kind !== 'zstd') return null
  const packed = createHash('sha256')
  const content = createHash('sha256')
  const passing = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of plain) {
      packed.update(piece)
      yield piece
    }
  }
  try {
    for await (const piece of inflate(kind, layer.digest, passing(), inflateLimits)) content.update(piece)
  } catch (error) {
    // A wrong nonce leaves no compressed data.
    if (error instanceof VerificationError && error.code === 'format-invalid') return null
    throw error
  }
  return `sha256:${content.digest('hex')}` === named ? `sha256:${packed.digest('hex')}` : null
}
