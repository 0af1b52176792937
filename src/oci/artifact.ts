import { sha256 } from '../base/streams.ts'
import { manifestBytes } from './manifest.ts'
import { mediaTypes, type Descriptor, type Manifest, type Store } from './types.ts'

/** What {@link emptyConfig} describes. */
export const emptyBytes: Uint8Array = Buffer.from('{}')

/** Descriptor of the two bytes `{}` (image-spec 1.1, "Guidance for an Empty Descriptor"). */
export const emptyConfig: Descriptor = {
  mediaType: mediaTypes.empty,
  digest: sha256(emptyBytes),
  size: emptyBytes.length,
}

export interface ArtifactParts {
  /** Media type that names the kind of artifact; required because the config is usually empty. */
  readonly artifactType: string
  readonly subject?: Descriptor | undefined
  /** With none, the artifact gets one empty layer, as image-spec asks. */
  readonly layers: readonly {
    readonly mediaType: string
    readonly bytes: Uint8Array
    readonly annotations?: Readonly<Record<string, string>> | undefined
  }[]
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly tag?: string | undefined
  readonly config?: { readonly mediaType: string; readonly bytes: Uint8Array } | undefined
}

/** The manifest of an artifact. Equal parts give equal bytes and so the same digest, in whatever store. */
export function artifactManifest(parts: ArtifactParts): Buffer {
  const { config, layers } = withEmpty(parts)
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: parts.artifactType,
    config: describe(config),
    layers: layers.map(describe),
    subject: parts.subject === undefined ? undefined : bare(parts.subject),
    annotations: parts.annotations === undefined ? undefined : { ...parts.annotations },
  }
  return manifestBytes(manifest)
}

/**
 * Puts an artifact: blobs first, then the manifest, the tag last. Equal parts give equal bytes and so the same digest;
 * what is there already is not written again.
 *
 * @returns descriptor of the manifest, with `artifactType`
 */
export async function putArtifact(store: Store, parts: ArtifactParts): Promise<Descriptor> {
  const { config, layers } = withEmpty(parts)
  for (const { bytes } of [config, ...layers]) await store.putBlob({ bytes })
  const put = await store.putManifest(artifactManifest(parts), mediaTypes.manifest, { tag: parts.tag })
  return { ...put, artifactType: parts.artifactType }
}

type Part = ArtifactParts['layers'][number]

function withEmpty(parts: ArtifactParts): { config: Part; layers: readonly Part[] } {
  const empty: Part = { mediaType: mediaTypes.empty, bytes: emptyBytes }
  return { config: parts.config ?? empty, layers: parts.layers.length > 0 ? parts.layers : [empty] }
}

function describe({ mediaType, bytes, annotations }: Part): Descriptor {
  const found: Descriptor = { mediaType, digest: sha256(bytes), size: bytes.length }
  return annotations === undefined ? found : { ...found, annotations: { ...annotations } }
}

/** A subject names what it is about and nothing else; what a listing added to the descriptor must not change our bytes. */
function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}
