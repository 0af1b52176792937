import type { ByteSource } from '../base/streams.ts'
import type { BlobReading, Descriptor, Digest } from '../oci/types.ts'
import { encryptLayer, type EncryptionPlan } from './encrypt-layer.ts'

/** Encrypts layers while somebody else reads them: give {@link OnTheWay.open} to the pass, what {@link OnTheWay.finish} gives to `encryptImage`. */
export interface OnTheWay {
  /** Opens a layer; its plain bytes pass on unchanged and flow into the cipher besides. It ends when both have taken all of it. */
  open(layer: Descriptor, how?: BlobReading): Promise<ByteSource>
  /**
   * Waits until what was read to its end is stored as well, and gives those layers by plain digest.
   *
   * @throws the first failure to store one
   */
  finish(): Promise<ReadonlyMap<Digest, Descriptor>>
}

/**
 * A reader on the stream of a layer's bytes (DESIGN §1.11). A reader that stops early aborts the encryption of that layer, which
 * `encryptImage` then does by itself.
 */
export function encryptOnTheWay(
  openPlain: (layer: Descriptor, how?: BlobReading) => Promise<ByteSource>,
  plan: EncryptionPlan,
): OnTheWay {
  const layers = new Map<Digest, Promise<Descriptor>>()
  return {
    open: async (layer, how) => {
      const source = await openPlain(layer, how)
      return layers.has(layer.digest) ? source : split(source, layer, plan, layers)
    },
    finish: async () => {
      const found = await Promise.all([...layers].map(async ([digest, stored]) => [digest, await stored] as const))
      return new Map(found)
    },
  }
}

async function* split(
  source: ByteSource,
  layer: Descriptor,
  plan: EncryptionPlan,
  layers: Map<Digest, Promise<Descriptor>>,
): AsyncGenerator<Uint8Array> {
  const pipe = handOver()
  const encrypted = encryptLayer(layer, pipe.stream, plan).finally(() => pipe.abandon())
  // Its failure is thrown where the next piece is handed over, or by `finish`.
  encrypted.catch(() => {})
  let whole = false
  try {
    for await (const piece of source) {
      const taken = pipe.give(piece)
      yield piece
      // Both are done with the piece before the next one may be written over it.
      if (!(await taken)) await encrypted
    }
    whole = true
  } finally {
    pipe.end(whole)
    if (!whole) await encrypted.catch(() => {})
  }
  // A registry takes its time to hash what it got: nobody who reads need wait for that.
  layers.set(layer.digest, encrypted)
}

/** One piece at a time from a giver to a taker, who is done with it when `give` returns: the slower of two readers sets the pace. */
function handOver(): {
  stream: ByteSource
  give(piece: Uint8Array): Promise<boolean>
  end(whole: boolean): void
  abandon(): void
} {
  let waiting: Uint8Array | null = null
  let state: 'open' | 'whole' | 'broken' | 'abandoned' = 'open'
  let wake = Promise.withResolvers<void>()
  const change = (): void => {
    wake.resolve()
    wake = Promise.withResolvers<void>()
  }
  async function* flow(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (waiting !== null) {
        yield waiting
        waiting = null
        change()
      } else if (state === 'whole') return
      else if (state !== 'open') throw new Error('the layer was not read to its end')
      else await wake.promise
    }
  }
  return {
    stream: flow(),
    give: async (piece) => {
      if (state !== 'open') return false
      waiting = piece
      change()
      while (waiting === piece && state === 'open') await wake.promise
      return waiting !== piece
    },
    end: (whole) => {
      if (state === 'open') state = whole ? 'whole' : 'broken'
      change()
    },
    abandon: () => {
      if (state === 'open') state = 'abandoned'
      change()
    },
  }
}
