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
   */
  putManifests?(manifests: readonly NewManifest[]): Promise<Descriptor[]>
  tag(tag: string, digest: Digest): Promise<void>
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
}

/** A parsed store reference (INTERFACE §1). */
export interface Reference {
  kind: 'layout' | 'registry'
  /** Absolute directory, for a layout. */
  directory?: string | undefined
  /** `host[:port]`, for a registry. */
  host?: string | undefined
  /** Repository path, for a registry. */
  repository?: string | undefined
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
