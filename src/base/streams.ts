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
    if (size > limit) throw tooLarge(subject, limit)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** The refusal of a document that is larger than it may be. @param size its bytes, where they are known */
export function tooLarge(subject: string, limit: number, size?: number, remedy?: string): VerificationError {
  const has = size === undefined ? '' : `: it has ${size}`
  return new VerificationError('format-invalid', `${subject} is larger than the limit of ${limit} bytes${has}`, {
    subject,
    remedy,
  })
}

/**
 * Hashes and counts what flows through, without holding it. `result` is valid once the source has ended.
 *
 * @param like a digest whose algorithm is used; SHA-256 where it is not given
 */
export function digesting(
  source: ByteSource,
  like?: string,
): { stream: ByteSource; result: () => { digest: string; size: number } } {
  const algorithm = algorithmOf(like)
  const hash = createHash(algorithm)
  let size = 0
  let done: string | null = null
  async function* flow(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk)
      size += chunk.length
      yield chunk
    }
  }
  return { stream: flow(), result: () => ({ digest: (done ??= `${algorithm}:${hash.digest('hex')}`), size }) }
}

/**
 * Passes bytes on and throws `digest-mismatch` at the end (or as soon as too many came) when they are not the described ones.
 * The reader must therefore take the whole stream before it believes any of it.
 *
 * @param where the store, for errors
 */
export async function* verified(
  source: ByteSource,
  want: { digest: string; size: number },
  where?: string,
): AsyncGenerator<Uint8Array> {
  const algorithm = algorithmOf(want.digest)
  const hash = createHash(algorithm)
  let size = 0
  for await (const chunk of source) {
    size += chunk.length
    if (size > want.size) break
    hash.update(chunk)
    yield chunk
  }
  sameBytes({ digest: `${algorithm}:${hash.digest('hex')}`, size }, want, where)
}

/** @throws VerificationError `digest-mismatch` when what came is not what was described; its size may be counted no further than one piece too many */
export function sameBytes(
  found: { digest: string; size: number },
  want: { digest: string; size: number },
  where?: string,
): void {
  if (found.size === want.size && found.digest === want.digest) return
  const what = where === undefined ? want.digest : `${want.digest} in ${where}`
  throw new VerificationError(
    'digest-mismatch',
    found.size === want.size
      ? `the bytes of ${what} hash to ${found.digest}`
      : `${what} should have ${want.size} bytes, but ${found.size > want.size ? 'more' : `only ${found.size}`} came`,
    { subject: want.digest, remedy: 'The stored copy is damaged or was changed: publish it again from its source.' },
  )
}

/** Bytes that are there already, as a source of one piece. */
export async function* once(bytes: Uint8Array | string): AsyncGenerator<Uint8Array> {
  yield typeof bytes === 'string' ? Buffer.from(bytes) : bytes
}

/** SHA-256 of bytes as `sha256:<hex>`. */
export function sha256(bytes: Uint8Array | string): `sha256:${string}` {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Hash algorithms that a digest may name (image-spec 1.1 descriptor.md, "Registered Algorithms", and SHA-384). */
export type DigestAlgorithm = 'sha256' | 'sha384' | 'sha512'

/** The algorithm that a digest names. A text that names none of ours is treated as SHA-256, which it then does not equal. */
export function algorithmOf(digest: string | undefined): DigestAlgorithm {
  const named = digest?.slice(0, 7)
  return named === 'sha512:' ? 'sha512' : named === 'sha384:' ? 'sha384' : 'sha256'
}

/** The digest of bytes, by the algorithm that another digest names. */
export function digestLike(like: string | undefined, bytes: Uint8Array): `${DigestAlgorithm}:${string}` {
  const algorithm = algorithmOf(like)
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}
