import { sha256 } from '../base/streams.ts'
import { manifestBytes } from './manifest.ts'
import { mediaTypes, type Descriptor, type Manifest, type Store } from './types.ts'

const emptyBytes = Buffer.from('{}')

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

/**
 * Puts an artifact: blobs first, then the manifest, the tag last. Equal parts give equal bytes and so the same digest;
 * what is there already is not written again.
 *
 * @returns descriptor of the manifest, with `artifactType`
 */
export async function putArtifact(store: Store, parts: ArtifactParts): Promise<Descriptor> {
  const config = parts.config ?? { mediaType: mediaTypes.empty, bytes: emptyBytes }
  const layers = parts.layers.length > 0 ? parts.layers : [{ mediaType: mediaTypes.empty, bytes: emptyBytes }]
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: parts.artifactType,
    config: await putPart(store, config),
    layers: [],
    subject: parts.subject === undefined ? undefined : bare(parts.subject),
    annotations: parts.annotations === undefined ? undefined : { ...parts.annotations },
  }
  for (const layer of layers) manifest.layers.push(await putPart(store, layer))
  const put = await store.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag: parts.tag })
  return { ...put, artifactType: parts.artifactType }
}

async function putPart(store: Store, part: ArtifactParts['layers'][number]): Promise<Descriptor> {
  const { digest, size } = await store.putBlob({ bytes: part.bytes })
  return {
    mediaType: part.mediaType,
    digest,
    size,
    annotations: part.annotations === undefined ? undefined : { ...part.annotations },
  }
}

/** A subject names what it is about and nothing else; what a listing added to the descriptor must not change our bytes. */
function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}
