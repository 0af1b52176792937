import { createHash } from 'node:crypto'
import { VerificationError } from './errors.ts'

export type ByteSource = AsyncIterable<Uint8Array>

/** All bytes of a source, refused when more than `limit` bytes come. */
export async function collect(
  source: ByteSource | Iterable<Uint8Array>,
  limit: number,
  subject: string,
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of source) {
    size += chunk.length
    if (size > limit) {
      throw new VerificationError('format-invalid', `${subject} is larger than the limit of ${limit} bytes`, {
        subject,
      })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** Hashes and counts what flows through, without holding it. `result` is valid once the source has ended. */
export function digesting(source: ByteSource): { stream: ByteSource; result: () => { digest: string; size: number } } {
  const hash = createHash('sha256')
  let size = 0
  let done: string | null = null
  async function* flow(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk)
      size += chunk.length
      yield chunk
    }
  }
  return { stream: flow(), result: () => ({ digest: (done ??= `sha256:${hash.digest('hex')}`), size }) }
}

/**
 * Passes bytes on and throws `digest-mismatch` at the end (or as soon as too many came) when they are not the described ones.
 * The reader must therefore take the whole stream before it believes any of it.
 */
export async function* verified(
  source: ByteSource,
  want: { digest: string; size: number },
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of source) {
    size += chunk.length
    if (size > want.size) break
    hash.update(chunk)
    yield chunk
  }
  const found = `sha256:${hash.digest('hex')}`
  if (size !== want.size || found !== want.digest) {
    throw new VerificationError(
      'digest-mismatch',
      size === want.size
        ? `the bytes of ${want.digest} hash to ${found}`
        : `${want.digest} should have ${want.size} bytes, but ${size > want.size ? 'more' : `only ${size}`} came`,
      { subject: want.digest, remedy: 'The stored copy is damaged or was changed: publish it again from its source.' },
    )
  }
}

/** Bytes that are there already, as a source of one piece. */
export async function* once(bytes: Uint8Array | string): AsyncGenerator<Uint8Array> {
  yield typeof bytes === 'string' ? Buffer.from(bytes) : bytes
}

/** SHA-256 of bytes as `sha256:<hex>`. */
export function sha256(bytes: Uint8Array | string): `sha256:${string}` {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
