import type { Log } from '../base/ports.ts'
import type { ByteSource } from '../base/streams.ts'
import { chooseLayers } from '../encrypt/encrypt-image.ts'
import type { EncryptionPlan } from '../encrypt/encrypt-layer.ts'
import { encryptOnTheWay } from '../encrypt/on-the-way.ts'
import { passImage } from '../image/pass.ts'
import type { Image, PassResult } from '../image/types.ts'
import type { BlobReading, Descriptor, Digest, Store } from '../oci/types.ts'
import type { Catalogue } from '../sbom/model.ts'
import { sbomReaders } from '../sbom/readers.ts'

export interface ReadOnceOptions {
  readonly encryption: EncryptionPlan
  /** Layers to encrypt, counted from 0; all of them by default. */
  readonly layers?: readonly number[] | undefined
  readonly log?: Log | undefined
  /** Program of threads (`Ports.threads`). */
  readonly threads?: string | undefined
}

/** What one reading of all layers gave to the steps of the chain. */
export interface ReadOnce {
  pass: PassResult
  catalogue: Catalogue
  /** Waits for the last encrypted layer to be stored in the plan's target and gives all by plain digest: for `encryptImage`. */
  encrypted: () => Promise<ReadonlyMap<Digest, Descriptor>>
}

/**
 * Reads each layer of a plain image once, for all who want its bytes (DESIGN §1.11): as stored they flow into the digest, the cipher and its
 * MAC and on into the target store; unpacked into the diff id, the file hashes and the catalogers. The slower way sets the pace, and no more
 * than a few pieces of a layer are in memory.
 *
 * @throws InputError `unsupported`, `input-invalid` before anything is written; else as `passImage` and the target's `putBlob`
 */
export async function readOnce(store: Store, image: Image, options: ReadOnceOptions): Promise<ReadOnce> {
  const { layers } = image.manifest
  const chosen = new Set(
    [...chooseLayers(image, options.layers, options.encryption.recipients)].map((index) => layers[index]?.digest),
  )
  const plain = (layer: Descriptor, how?: BlobReading): Promise<ByteSource> => store.openBlob(layer, how)
  const way = encryptOnTheWay(plain, options.encryption)
  const open = (layer: Descriptor, how?: BlobReading): Promise<ByteSource> =>
    chosen.has(layer.digest) ? way.open(layer, how) : plain(layer, how)
  const sbom = sbomReaders()
  try {
    const pass = await passImage(store, image, sbom.readers, { open, log: options.log, threads: options.threads })
    return { pass, catalogue: sbom.finish(pass.inventory), encrypted: () => way.finish() }
  } catch (error) {
    // Nothing goes on in the background after a failure; its reason is the pass's.
    await way.finish().catch(() => {})
    throw error
  }
}
