import type { Log } from '../base/ports.ts'
import type { ByteSource } from '../base/streams.ts'
import { isEncryptedType } from '../oci/descriptor.ts'
import { mediaTypes, type BlobReading, type Descriptor, type Store } from '../oci/types.ts'
import { compressionOf, decompress, typed } from './compress.ts'
import type { Extents } from './extents.ts'
import { inflateAside } from './inflate-aside.ts'
import { inflateLimits, type InflateLimits } from './inflate-limits.ts'
import { digestingLayer, type LayerDigest } from './layer-digest.ts'
import type { PassBounds } from './pass-bounds.ts'
import type { Image } from './types.ts'
import { Threads } from './threads.ts'

export interface PassOptions {
  /** Opens the plain (still compressed) blob of a layer; it checks the ciphertext. Default: the store, encrypted layers refused. */
  open?: ((descriptor: Descriptor, how?: BlobReading) => Promise<ByteSource>) | undefined
  log?: Log | undefined
  /** Program of the threads that decompress large layers (`Ports.threads`). Default: all is done in the caller's thread, with equal results. */
  threads?: string | undefined
  /** Compressed bytes of an image and of a layer from which threads are used. Default: where their start is made up for. */
  worth?: { readonly image: number; readonly layer: number } | undefined
  limits?: InflateLimits | undefined
  /** Default: {@link passBounds}. */
  bounds?: Partial<PassBounds> | undefined
}

/** The decompressed bytes of a layer. */
export interface LayerStream {
  /** A piece may be written over after three further ones were asked for. */
  stream: ByteSource
  /** Digests of files, made beside the reading in another thread; null where whoever reads makes them. All have come when `result` answers. */
  files: Extents | null
  /** Valid once the stream has ended. */
  result(): Promise<LayerDigest>
  /** Lets the source go before its end; after the end it does nothing. */
  cancel(): Promise<void>
}

/** An image of fewer compressed bytes is read before threads have started. */
const worthThreads = { image: 16 * 1024 * 1024, layer: 1024 * 1024 }

/**
 * Opens the layers of an image one after another, from the top down. With threads, the next layer is decompressed into its ring while the
 * one before is read: in order, whatever comes first.
 */
export class LayerStreams {
  private readonly store: Store
  private readonly image: Image
  private readonly options: PassOptions
  private readonly threads: Threads | null
  private ahead: { index: number; stream: Promise<LayerStream> } | null = null
  private current: LayerStream | null = null

  constructor(store: Store, image: Image, options: PassOptions) {
    this.store = store
    this.image = image
    this.options = options
    const bytes = image.manifest.layers.reduce((sum, { size }) => sum + size, 0)
    this.threads =
      options.threads !== undefined && bytes >= (options.worth ?? worthThreads).image
        ? new Threads(options.threads)
        : null
  }

  /** The layer of this index; the one below is opened ahead. */
  async next(index: number): Promise<LayerStream> {
    const stream = this.ahead?.index === index ? this.ahead.stream : this.start(index)
    this.ahead = null
    await this.current?.cancel()
    const found = await stream
    this.current = found
    const below = this.image.manifest.layers[index - 1]
    // A layer that is decrypted waits in a file for its authentication code: one at a time.
    if (this.threads !== null && below !== undefined && this.aside(below) && !isEncryptedType(below.mediaType)) {
      this.ahead = { index: index - 1, stream: this.start(index - 1) }
      // Its failure is thrown when it is asked for.
      this.ahead.stream.catch(() => {})
    }
    return found
  }

  /** Ends all that still runs. */
  async close(): Promise<void> {
    const ahead = await this.ahead?.stream.catch(() => null)
    try {
      await this.current?.cancel()
      await ahead?.cancel()
    } finally {
      await this.threads?.close()
    }
  }

  private aside({ size }: Descriptor): boolean {
    return size >= (this.options.worth ?? worthThreads).layer
  }

  private async start(index: number): Promise<LayerStream> {
    const layer = this.image.manifest.layers[index]
    if (layer === undefined) throw new RangeError(`there is no layer ${index}`)
    // Whoever reads these streams is done with a piece when three further ones were asked for.
    const source = await openStored(this.store, layer, this.options, { inTurn: true })
    const mediaType = plainType(layer, this.options)
    const kind = compressionOf(mediaType)
    const limits = this.options.limits ?? inflateLimits
    const name = `layer ${layer.digest}`
    const aside =
      this.threads !== null && kind !== 'none' && this.aside(layer)
        ? await inflateAside(kind, typed(name, mediaType), source, limits, this.threads)
        : null
    // The store hashes an uncompressed layer already, and ends the stream with an error where the digest is another.
    const hashed = kind === 'none' && this.options.open === undefined && layer.digest.startsWith('sha256:')
    return aside ?? inline(decompress(mediaType, source, limits, name), hashed ? layer.digest : null)
  }
}

/** The decompressed bytes of a layer, without threads. */
export async function openLayer(store: Store, descriptor: Descriptor, options: PassOptions): Promise<ByteSource> {
  const source = await openStored(store, descriptor, options, {})
  return decompress(plainType(descriptor, options), source, options.limits, `layer ${descriptor.digest}`)
}

async function openStored(
  store: Store,
  descriptor: Descriptor,
  options: PassOptions,
  plain: BlobReading,
): Promise<ByteSource> {
  const kind = compressionOf(plainType(descriptor, options))
  // A decoder is done with a piece when it asks for the next.
  const how = kind === 'none' ? plain : { piecewise: true }
  return options.open === undefined ? store.openBlob(descriptor, how) : options.open(descriptor, how)
}

function plainType({ mediaType }: Descriptor, { open }: PassOptions): string {
  const encrypted = open !== undefined && mediaType.endsWith(mediaTypes.encryptedSuffix)
  return encrypted ? mediaType.slice(0, -mediaTypes.encryptedSuffix.length) : mediaType
}

function inline(plain: AsyncGenerator<Uint8Array>, known: string | null): LayerStream {
  const { stream, result } = digestingLayer(plain, known)
  return { stream, files: null, result: async () => result(), cancel: async () => void (await plain.return(undefined)) }
}
