import { sha256 } from '../base/streams.ts'
import { jcs } from '../encoding/jcs.ts'
import { emptyConfig } from '../oci/artifact.ts'
import { manifestBytes } from '../oci/manifest.ts'
import { mediaTypes, type Descriptor } from '../oci/types.ts'
import { evidenceMediaTypes, type EvidenceBundle } from './evidence-bundle.ts'

/** Layers of the evidence manifest in their order: the index, then the documents as the bundle lists them. Give them to `putArtifact` as they are. */
export function evidenceLayers(bundle: EvidenceBundle): { mediaType: string; bytes: Buffer }[] {
  return [
    { mediaType: evidenceMediaTypes.index, bytes: jcs(bundle.index) },
    ...bundle.documents.map(({ mediaType, bytes }) => ({ mediaType, bytes })),
  ]
}

/**
 * The manifest of an evidence bundle, as a referrer of `subject`. Pure: the agent makes the same bytes and signs only their digest, and
 * `putArtifact(store, {artifactType, subject, layers: evidenceLayers(bundle)})` stores exactly these.
 */
export function evidenceManifest(
  bundle: EvidenceBundle,
  subject: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>,
): { bytes: Buffer; descriptor: Descriptor } {
  const bytes = manifestBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: evidenceMediaTypes.index,
    config: emptyConfig,
    layers: evidenceLayers(bundle).map((layer) => ({
      mediaType: layer.mediaType,
      digest: sha256(layer.bytes),
      size: layer.bytes.length,
    })),
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
  })
  return {
    bytes,
    descriptor: {
      mediaType: mediaTypes.manifest,
      digest: sha256(bytes),
      size: bytes.length,
      artifactType: evidenceMediaTypes.index,
    },
  }
}
