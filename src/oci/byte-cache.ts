import type { Digest } from './types.ts'

/** What is named by its digest and was checked against it: read or written once, it is not fetched again. */
export interface ByteCache<T> {
  get(digest: Digest): T | undefined
  add(digest: Digest, value: T): void
}

/**
 * A cache that is bounded in bytes; the oldest goes first.
 *
 * @param limit bytes of all that is held
 * @param sizeOf bytes of one value
 */
export function byteCache<T>(limit: number, sizeOf: (value: T) => number): ByteCache<T> {
  const held = new Map<Digest, T>()
  let size = 0
  return {
    get: (digest) => held.get(digest),
    add: (digest, value) => {
      if (held.has(digest)) return
      held.set(digest, value)
      size += sizeOf(value)
      for (const [oldest, old] of held) {
        if (size <= limit) break
        held.delete(oldest)
        size -= sizeOf(old)
      }
    },
  }
}
