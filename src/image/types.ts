import type { Descriptor, Digest, Manifest, Platform } from '../oci/types.ts'
import type { EntryType, TarEntry, TarHeader } from '../tar/types.ts'

export type { EntryType, TarEntry, TarHeader }

/** OCI image configuration, as far as we read it; unknown members are kept. */
export interface ImageConfig {
  created?: string | undefined
  author?: string | undefined
  architecture: string
  os: string
  variant?: string | undefined
  config?: {
    User?: string | undefined
    ExposedPorts?: Record<string, object> | undefined
    Env?: string[] | undefined
    Entrypoint?: string[] | undefined
    Cmd?: string[] | undefined
    Volumes?: Record<string, object> | undefined
    WorkingDir?: string | undefined
    Labels?: Record<string, string> | undefined
    StopSignal?: string | undefined
    /** Docker's additions (docker image-spec 1.3): program of shell forms, health check, instructions for builds on this image. */
    Shell?: string[] | undefined
    Healthcheck?: HealthConfig | undefined
    OnBuild?: string[] | undefined
  }
  rootfs: { type: 'layers'; diff_ids: Digest[] }
  history?: { created?: string; created_by?: string; comment?: string; author?: string; empty_layer?: boolean }[]
}

/** How Docker finds out whether a container works; durations in nanoseconds, 0 is the engine's default. */
export interface HealthConfig {
  /** `NONE`, or `CMD` with arguments, or `CMD-SHELL` with text. */
  Test: string[]
  Interval?: number | undefined
  Timeout?: number | undefined
  StartPeriod?: number | undefined
  StartInterval?: number | undefined
  Retries?: number | undefined
}

/** An image of one platform: manifest and configuration, both checked. */
export interface Image {
  descriptor: Descriptor
  manifest: Manifest
  config: ImageConfig
  /** SHA-256 of the configuration, however the manifest names it: stays the same when layers are encrypted or recompressed. */
  configDigest: Digest
  platform: Platform
}

/** A line of the file inventory: every path of the merged root file system. */
export interface InventoryEntry {
  path: string
  /** Sockets are in folders only: no archive can hold one. */
  type: EntryType | 'socket'
  mode: number
  uid: number
  gid: number
  size: number
  /** SHA-256 of the content, for files and hard links (of their target's content). */
  sha256?: Digest | undefined
  /** Target of a symlink or hard link. */
  link?: string | undefined
  /** `major:minor` of a device. */
  device?: string | undefined
  /** Extended attributes (file capabilities are `security.capability`): value in hexadecimal, or `sha256:` and digest past 64 bytes. */
  xattrs?: Readonly<Record<string, string>> | undefined
}

/** Lines of an inventory, in a list or made when they are asked for. */
export interface Entries extends Iterable<InventoryEntry> {
  readonly length: number
}

/** Digests beside SHA-256 that package databases have of their files. */
export type ExtraDigest = 'md5' | 'sha1'

/**
 * A reader on the one pass (DESIGN §1.11). For each visible file of the merged view it may ask for the bytes; what several readers ask
 * for is read once. Layers are walked from the top, so what a lower layer holds under a whiteout never reaches a reader.
 */
export interface PassReader {
  /**
   * Return the most bytes wanted of this file (it is buffered for this reader only), or 0 for none.
   *
   * @param magic the first four bytes of the content as a big-endian number; 0 where the file is shorter
   */
  wants?(header: TarHeader, layer: number, magic: number): number
  /** Called when a wanted file was read, with its first bytes (as many as were wanted). They are valid during the call only: copy what you keep. */
  file?(header: TarHeader, content: Buffer): void
  /** A further digest wanted of this file, or null. */
  digest?(header: TarHeader): ExtraDigest | null
  /** The digest that `digest` asked for, in raw bytes that are valid during the call; it may come any time before the end of the layer. */
  hashed?(header: TarHeader, digest: Buffer): void
  /** A file handed over earlier was replaced by a later entry of the same layer: it is not part of the image. */
  forget?(path: string): void
  /** A visible hard link shares the content of a visible file that this pass has read. True: the reader needs no bytes for it. */
  linked?(path: string, content: string): boolean
  /**
   * Called instead of `file` for one of the other names of a content, once the limit for all of them is reached (`passBounds.otherNames`).
   * What the file holds is unknown under this name, so a reader that is able to say so has this method; one without it gets every content.
   *
   * @param magic as for `wants`
   */
  unread?(header: TarHeader, magic: number, why: string): void
  /** Files wanted under another name as well, once the whole view is known: they are read again and given to `file` under that name. */
  aliases?(inventory: Entries): readonly Alias[]
  /**
   * Called last, after every file was given under all its names: files (or hard links) of the inventory that are read again for `digest`, which
   * gives none until now. This is for files of which only their content elsewhere tells that they matter.
   */
  further?(inventory: Entries): readonly string[]
}

export interface Alias {
  /** A regular file (or hard link) of the inventory. */
  path: string
  /** The name under which `file` gets it. */
  as: string
}

export interface LayerFacts {
  descriptor: Descriptor
  diffId: Digest
  /** Bytes after decompression. */
  size: number
  /** Zero bytes among them that the blob leaves out at the end of the archive (`omittedBytes`). */
  omitted?: number | undefined
}

export interface PassResult {
  image: Image
  layers: LayerFacts[]
  /** The merged root file system, sorted by path (UTF-8 byte order). */
  inventory: Entries
}
