import { collect, once } from '../base/streams.ts'
import { eachOf } from '../base/each-of.ts'
import type { Descriptor, Digest, Store } from './types.ts'

/** Blobs that are asked for before their turn, the bytes that they may take together, and the bytes of the largest. */
const most = { blobs: 16, bytes: 16 << 20, blob: 1 << 20 } as const
/** Blobs that are read to their end at a time. */
const parallel = 12

type Piece = Pick<Descriptor, 'digest' | 'size'>

/** A store whose next blobs are under way while one is read. */
export interface ReadAhead {
  readonly store: Store
  /** Ends what nobody wants any more. */
  close(): void
}

/**
 * Reads small blobs of a registry before their turn: an image of thousands of them would else wait for thousands of answers, one after the other.
 * At most 16 blobs and 16 MiB are held; blobs of more than 1 MiB are read when they are asked for. What cannot be read is an error in its turn, as
 * without this.
 *
 * @param order in which the blobs are going to be read
 */
export function readAhead(store: Store, order: readonly Piece[]): ReadAhead {
  if (store.location === undefined) return { store, close: () => {} }
  const held = new Map<Digest, { readonly bytes: Promise<Buffer>; readonly size: number }>()
  const places = new Map(order.map(({ digest }, at) => [digest, at] as const).toReversed())
  let [next, taken, closed] = [0, 0, false]

  const read = async (blob: Piece): Promise<Buffer> =>
    collect(
      whileOpen(await store.openBlob(blob), () => !closed),
      blob.size,
      blob.digest,
    )
  const start = (): void => {
    for (; !closed && held.size < most.blobs; next++) {
      const blob = order[next]
      if (blob === undefined) return
      if (blob.size > most.blob || held.has(blob.digest)) continue
      if (taken + blob.size > most.bytes) return
      taken += blob.size
      const bytes = read(blob)
      // Its failure is thrown when it is asked for.
      bytes.catch(() => {})
      held.set(blob.digest, { bytes, size: blob.size })
    }
  }
  start()
  return {
    store: {
      ...store,
      openBlob: async (blob, how) => {
        next = Math.max(next, (places.get(blob.digest) ?? -1) + 1)
        const known = held.get(blob.digest)
        if (known === undefined || known.size !== blob.size) {
          start()
          return store.openBlob(blob, how)
        }
        held.delete(blob.digest)
        taken -= known.size
        start()
        return once(await known.bytes)
      },
    },
    close: () => {
      closed = true
      held.clear()
    },
  }
}

/**
 * Reads blobs to their end, several at a time, so that each is checked against its digest and size. After the first failure nothing more is read.
 *
 * @throws VerificationError `digest-mismatch`, `missing-blob` · TransportError
 */
export async function readAll(store: Store, blobs: readonly Piece[]): Promise<void> {
  const distinct = new Map(blobs.map((blob) => [`${blob.digest} ${blob.size}`, blob]))
  let failed = false
  await eachOf([...distinct.values()], parallel, async (blob) => {
    try {
      for await (const piece of whileOpen(await store.openBlob(blob), () => !failed)) void piece
    } catch (error) {
      failed = true
      throw error
    }
  })
}

/** The bytes of a source for as long as they are wanted. */
async function* whileOpen(source: AsyncIterable<Uint8Array>, wanted: () => boolean): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    if (!wanted()) return
    yield piece
  }
}
