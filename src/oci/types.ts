import type { VerificationError } from '../base/errors.ts'
import type { ByteSource, DigestAlgorithm } from '../base/streams.ts'

/** `sha256:` and 64 lower-case hex digits; what others made may also be named by SHA-384 (96 digits) or SHA-512 (128 digits). */
export type Digest = `${DigestAlgorithm}:${string}`

export interface Platform {
  os: string
  architecture: string
  variant?: string | undefined
}

/** OCI image-spec 1.1 content descriptor. */
export interface Descriptor {
  mediaType: string
  digest: Digest
  size: number
  annotations?: Record<string, string> | undefined
  artifactType?: string | undefined
  platform?: Platform | undefined
  data?: string | undefined
}

export interface Manifest {
  schemaVersion: 2
  mediaType: string
  artifactType?: string | undefined
  config: Descriptor
  layers: Descriptor[]
  subject?: Descriptor | undefined
  annotations?: Record<string, string> | undefined
}

export interface Index {
  schemaVersion: 2
  mediaType: string
  artifactType?: string | undefined
  manifests: Descriptor[]
  subject?: Descriptor | undefined
  annotations?: Record<string, string> | undefined
}

/** A manifest with its exact bytes: what a digest covers is never re-serialised. */
export interface StoredManifest {
  descriptor: Descriptor
  bytes: Buffer
  /** The parsed and checked document. */
  content: Manifest | Index
}

/** What is put into a store: bytes at hand, a file, or a stream whose digest comes out at the end. */
export type BlobSource =
  | { readonly bytes: Uint8Array }
  | { readonly path: string; readonly digest: Digest; readonly size: number }
  | {
      readonly stream: ByteSource
      readonly expect?: { readonly digest: Digest; readonly size: number } | undefined
      /** Repository of the same registry that has the blob, which may then be mounted instead of sent. */
      readonly mountFrom?: string | undefined
      /** The store most likely lacks it, so it is sent without being asked for first. */
      readonly absent?: boolean | undefined
      /** The stream itself ends with an error where its bytes are not those that are expected, as that of {@link Store.openBlob} does. */
      readonly checked?: boolean | undefined
      /** Gives the whole stream once more, so that an upload that broke can go on. */
      readonly reopen?: (() => ByteSource) | undefined
    }

/** The exact bytes of a manifest to put. */
export interface NewManifest {
  readonly bytes: Uint8Array
  readonly mediaType: string
  /** The digest under which others name it; by default its SHA-256. */
  readonly digest?: Digest | undefined
  /** The store most likely lacks it, so it is put without being asked for first. */
  readonly absent?: boolean | undefined
}

/**
 * One repository of a registry, or one OCI layout directory: the same verbs over both (INTERFACE §1).
 * Nothing half-written ever becomes visible: blobs are put before manifests, tags last.
 */
/** How a reader takes a blob's pieces. */
export interface BlobReading {
  /** A piece is done with before the next one is asked for, and may then be written over: gigabytes of buffers are never collected. */
  readonly piecewise?: boolean | undefined
  /** The same for a reader that is done with a piece when four further ones were asked for. */
  readonly inTurn?: boolean | undefined
  /** The reader has a check of all bytes of its own (a MAC), so that a store need not hash them as well. */
  readonly ownCheck?: boolean | undefined
}

/**
 * A list of referrers that clients write: the fallback index of a registry, or `index.json` of a layout. Readers take from it no more than digests; what
 * it says besides (artifact types, annotations) is read by other tools.
 */
export interface WrittenListing {
  /** Entries for a manifest (a layout has one list for all, and gives no annotations); null where there is none. */
  entries(subject: Digest): Promise<readonly Descriptor[] | null>
  /** How a manifest is listed correctly. */
  entryOf(stored: Omit<StoredManifest, 'bytes'>): Descriptor
  /**
   * Replaces the list. `change` gives back the very list it got when there is nothing to do.
   *
   * @param options.replaceImage writes it also where the fallback tag names an image, as `cosign copy` leaves it
   * @throws TransportError `registry-error` where an image stands there, or other writers are always faster
   */
  rewrite(
    subject: Digest,
    change: (entries: readonly Descriptor[]) => readonly Descriptor[],
    options?: { replaceImage?: boolean | undefined },
  ): Promise<void>
}

/** All tags of a repository, for a reader of many listings: where the registry has the referrers API, a fallback tag that is not among them is not asked for. */
export type KnownTags = ReadonlySet<string>

export interface Store {
  readonly kind: 'layout' | 'registry'
  /** `oci:/abs/dir` or `host[:port]/name`, without tag and digest. */
  readonly name: string
  /** Where a registry's repository lies. */
  readonly location?: { readonly host: string; readonly repository: string } | undefined
  /** `docker-reference` for simple signing: `host/name`, or `localhost/<folder>` for a layout. */
  readonly identity: string

  /** Descriptor of a tag or digest, or null where there is none. Transport trouble throws; it is never "none". */
  resolve(reference: { tag: string } | { digest: Digest }): Promise<Descriptor | null>
  tags(): Promise<string[]>

  /** Reads a manifest or index; digest, size and media type are checked. @throws VerificationError `missing-blob`, `digest-mismatch`, `format-invalid` */
  getManifest(digest: Digest): Promise<StoredManifest>
  /**
   * Puts the exact bytes; with `tag`, tags it last. A manifest with `subject` becomes a referrer (fallback tag kept where the registry needs it).
   *
   * @throws VerificationError `digest-mismatch` for bytes that `digest` does not name
   */
  putManifest(
    bytes: Uint8Array,
    mediaType: string,
    options?: { tag?: string | undefined } & Pick<NewManifest, 'digest' | 'absent'>,
  ): Promise<Descriptor>
  /**
   * Puts several manifests, what they name being there; the listing of each subject is written once. A store that gains nothing by it lacks this:
   * `putAllManifests` works for all.
   *
   * @param inTurn puts each only after the one before it
   */
  putManifests?(manifests: readonly NewManifest[], inTurn?: boolean): Promise<Descriptor[]>
  tag(tag: string, digest: Digest): Promise<void>
  /**
   * Does `work`, whose writes become visible in one step at its end, or not at all where it fails; this store sees them at once. An archive is
   * written anew for each such step. A store whose every write is cheap lacks this or does `work` only: see `inOneStep`.
   */
  together?<T>(work: () => Promise<T>): Promise<T>
  /** The images that are there, for a store that may hold some without a tag; a tag has the grammar of registries. */
  images?(): Promise<readonly ListedImage[]>
  /**
   * Moves a tag only if it still stands where the caller saw it; `from` is null where there was none. Exact in a layout. A registry is read right
   * before the write; where it knows no conditional one, of two writers at the same moment both may be told `true`, so read the tag again.
   * A store that is not written directly lacks this.
   *
   * @returns whether the tag was moved
   */
  retag?(tag: string, digest: Digest, from: Digest | null): Promise<boolean>

  hasBlob(digest: Digest): Promise<boolean>
  /** Streams a blob; digest and size are checked when the stream ends. @throws VerificationError `missing-blob`, `digest-mismatch` */
  openBlob(descriptor: Pick<Descriptor, 'digest' | 'size'>, how?: BlobReading): Promise<ByteSource>
  /** Puts a blob (no request when it is there already) and returns its digest and size. */
  putBlob(source: BlobSource): Promise<{ digest: Digest; size: number }>
  /** A piece of a stream that is put here is done with before the next one is asked for: its source may read {@link BlobReading.piecewise}. */
  readonly piecewise?: boolean | undefined
  /** Bytes of a blob are not compared for a reader with {@link BlobReading.ownCheck}; other stores compare them nevertheless. */
  readonly unchecked?: boolean | undefined

  /**
   * Manifests whose `subject` is `digest` (each one's own `subject` is checked), in a stable order, filtered by artifact type where given.
   * What is listed but is not there or cannot be read is passed over: anybody who may push, and any retention rule, leaves such entries.
   */
  referrers(digest: Digest, artifactType?: string): Promise<Descriptor[]>
  /** The same with their manifests, each read once and none kept; `onBroken` is told what was passed over. */
  readReferrers(
    digest: Digest,
    onBroken: (broken: { manifest: Digest; error: VerificationError }) => void,
    known?: KnownTags,
  ): AsyncIterable<StoredManifest>
  /**
   * Waits until the referrers that were put here have stayed listed for a quiet time. Whoever attaches calls it once before it says so. A store that
   * keeps writers apart lacks it.
   *
   * @throws TransportError `registry-error` naming entries that other writers take out again and again
   */
  settle?(): Promise<void>
  /** The list that clients write; a store that is not written directly lacks it. */
  readonly listing?: WrittenListing | undefined
  /** All blobs, in the order of their digests. Registries have no list of what they hold, and lack this. */
  blobs?(): AsyncIterable<{ digest: Digest; size: number }>
  /**
   * A reader of the same repository that holds none of the bytes this one read or wrote, so that what it gives are the store's own. It shares the sign-in and
   * what the registry was seen to lack, and asks for each list (tags, referrers) once: what it says is of one moment. A folder is asked at no cost and
   * lacks this.
   *
   * @param kept manifests that need not be asked for
   */
  anew?(kept?: KeptManifests): Store
  /** How long a tag or an entry has to stand before it counts as written, in milliseconds. A store that keeps writers apart lacks it. */
  quietMs?(): number
}

/** Manifests of a repository that were read earlier. Whoever keeps them compares them with their digests. */
export interface KeptManifests {
  get(digest: Digest): StoredManifest | null
  add(stored: StoredManifest): void
}

/** An image of a store, with what the store calls it. */
export interface ListedImage {
  readonly descriptor: Descriptor
  /** Null where it has none. */
  readonly tag: string | null
  /** The whole name, such as `docker.io/library/app:1`; null where there is none. */
  readonly name: string | null
}

/** Stores of this machine that are a file or a program's own; their names are those of containers-transports(5). */
export const localKinds = ['oci-archive', 'docker-archive', 'containers-storage', 'docker-daemon'] as const
export type LocalKind = (typeof localKinds)[number]

/** A parsed store reference (INTERFACE §1). */
export interface Reference {
  kind: 'layout' | 'registry' | LocalKind
  /** Absolute directory, for a layout. */
  directory?: string | undefined
  /** Absolute path of an archive; the name of an image in `containers-storage` or `docker-daemon`. */
  local?: string | undefined
  /** `host[:port]`, for a registry. */
  host?: string | undefined
  /** Repository path, for a registry. */
  repository?: string | undefined
  /** Of a docker archive, the name that it has in there (`app:1`). */
  tag?: string | undefined
  digest?: Digest | undefined
}

export const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  empty: 'application/vnd.oci.empty.v1+json',
  layerTar: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  encryptedSuffix: '+encrypted',
} as const
