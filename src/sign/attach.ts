import { putArtifact, type ArtifactParts } from '../oci/artifact.ts'
import type { Descriptor, Store } from '../oci/types.ts'
import { bundleMediaType } from './bundle.ts'

/** Annotations that cosign 3 writes beside a bundle; hints for listing, never believed. */
export const bundleAnnotations = {
  content: 'dev.sigstore.bundle.content',
  predicateType: 'dev.sigstore.bundle.predicateType',
} as const

/**
 * Attaches a bundle to a manifest as OCI referrer, in the form that cosign 3 writes (specs/BUNDLE_SPEC.md) but without a creation time, so
 * that the same bundle gives the same manifest and a retry adds nothing.
 *
 * @param annotations of the manifest, beside cosign's
 * @returns descriptor of the referrer's manifest
 */
export async function attachBundle(
  store: Store,
  subject: Descriptor,
  bundle: Uint8Array,
  predicateType: string,
  annotations: Readonly<Record<string, string>> = {},
): Promise<Descriptor> {
  const parts = bundleParts(subject, bundle, predicateType)
  return putArtifact(store, { ...parts, annotations: { ...parts.annotations, ...annotations } })
}

/** What {@link attachBundle} puts. */
export function bundleParts(subject: Descriptor, bundle: Uint8Array, predicateType: string): ArtifactParts {
  return {
    artifactType: bundleMediaType,
    subject,
    layers: [{ mediaType: bundleMediaType, bytes: bundle }],
    annotations: { [bundleAnnotations.content]: 'dsse-envelope', [bundleAnnotations.predicateType]: predicateType },
  }
}
