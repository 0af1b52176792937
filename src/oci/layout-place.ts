import type { Ports } from '../base/ports.ts'
import type { ByteSource } from '../base/streams.ts'
import { blobSize, layoutBlobs, prepareLayout, readBlob, requireLayout, writeBlob } from './layout-files.ts'
import { changeEntries, indexReader, type Listed } from './layout-index.ts'
import type { BlobReading, Descriptor, Digest } from './types.ts'

/** Changes entries of an index; gives back the very array that it got where there is nothing to do. */
export type EntryChange = (entries: Descriptor[]) => Descriptor[]

/** Where the parts of an OCI layout lie: a folder, or a tar file. The store above them is the same. */
export interface LayoutPlace {
  /** `oci:/abs/dir`, `oci-archive:/abs/file`. */
  readonly name: string
  /** Makes the place ready for a writer. @throws InputError `exists` for what is not a layout, `unsupported` where it is only read */
  prepare(): Promise<void>
  /** @throws InputError `not-found` where there is no layout */
  require(): Promise<void>
  /** Size of a blob in bytes, or null where there is none. */
  size(digest: Digest): Promise<number | null>
  /** Reads a blob that is there; digest and size are checked when the stream ends. */
  read(want: { digest: Digest; size: number }, how?: BlobReading): ByteSource
  /** As {@link writeBlob}. */
  write(
    source: ByteSource | Iterable<Uint8Array>,
    expect?: { readonly digest: Digest; readonly size: number },
  ): Promise<{ digest: Digest; size: number }>
  index(): Promise<Listed>
  /** As {@link Store.unchecked}. */
  readonly unchecked?: boolean
  /** As {@link Store.blobs}. */
  readonly blobs?: () => AsyncIterable<{ digest: Digest; size: number }>
  change(change: EntryChange): Promise<void>
  /** As {@link Store.together}. */
  together<T>(work: () => Promise<T>): Promise<T>
}

/** A layout in a folder. @param directory absolute path */
export function directoryPlace(directory: string, ports: Ports): LayoutPlace {
  let prepared: Promise<void> | null = null
  return {
    name: `oci:${directory}`,
    // A failed attempt is not remembered: the reason may have been mended meanwhile.
    prepare: () =>
      (prepared ??= prepareLayout(directory, ports).catch((error: unknown) => {
        prepared = null
        throw error
      })),
    require: () => requireLayout(directory),
    size: (digest) => blobSize(directory, digest),
    read: (want, how) => readBlob(directory, want, how),
    unchecked: true,
    write: (source, expect) => writeBlob(directory, source, expect),
    index: indexReader(directory),
    blobs: () => layoutBlobs(directory),
    change: (change) => changeEntries(directory, ports, change),
    // Each change is one small file here.
    together: (work) => work(),
  }
}
