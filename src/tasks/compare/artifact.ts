import { InputError, VerificationError } from '../../base/errors.ts'
import { loadImage } from '../../image/load.ts'
import {
  fits,
  formatPlatform,
  parsePlatform,
  platformInWords,
  runnableChildren,
  samePlatform,
  type Child,
} from '../../image/platforms.ts'
import { isIndex } from '../../oci/manifest.ts'
import type { ResolvedImage } from '../../oci/open.ts'
import type { Descriptor, Digest, Platform, Store } from '../../oci/types.ts'
import { describeImage, type Described } from '../../sbom/scan.ts'
import type { TaskContext } from '../context.ts'
import type { KeyRequest } from '../keys.ts'
import { withOpener } from '../sbom/opener.ts'

/** One image of one platform that a reference stands for. */
export interface Artifact {
  store: Store
  /** `oci:/dir@sha256:…`. */
  reference: string
  digest: Digest
  descriptor: Descriptor
  /** As the index says; null for a plain manifest, or for a child that an index gives no platform. */
  platform: Platform | null
}

/**
 * The images behind a reference: one for a manifest, one for each platform of an index. Platforms are never confused: an index of several gives
 * several, unless one is named.
 *
 * @param platform `os/architecture[/variant]`, or '' for all
 * @throws InputError `not-found` where the index has no such platform
 */
export async function artifactsOf(
  { store, descriptor, reference }: ResolvedImage,
  platform: string,
): Promise<Artifact[]> {
  const stored = await store.getManifest(descriptor.digest)
  if (!isIndex(stored.content)) return [{ store, reference, digest: descriptor.digest, descriptor, platform: null }]
  const children = await runnableChildren(store, descriptor.digest, stored.content)
  const wanted = platform === '' ? null : parsePlatform(platform)
  const found = wanted === null ? children : children.filter((child) => fits(child, wanted))
  if (found.length === 0) throw noPlatform(reference, platform, children)
  const name = reference.slice(0, reference.lastIndexOf('@'))
  return found.map((child) => ({
    store,
    reference: `${name}@${child.descriptor.digest}`,
    digest: child.descriptor.digest,
    descriptor: child.descriptor,
    platform: child.platform,
  }))
}

function noPlatform(reference: string, platform: string, children: readonly Child[]): InputError {
  const there = children.map(platformInWords).join(', ')
  return new InputError('not-found', `"${reference}" has no image for the platform "${platform}"`, {
    subject: 'platform',
    remedy: `Name one of its platforms with \`--platform\`: ${there === '' ? '(it has none)' : there}.`,
  })
}

/** Reads an image anew, whatever was found earlier: in one pass over its layers, which are opened with the given keys where they are encrypted. */
export async function describeArtifact(
  { store, digest, platform }: Artifact,
  keys: KeyRequest,
  context: TaskContext,
): Promise<Described> {
  const image = await loadImage(store, digest)
  if (platform !== null && !samePlatform(image.platform, platform)) {
    const [said, found] = [platform, image.platform].map(formatPlatform)
    throw new VerificationError(
      'format-invalid',
      `the index gives ${digest} the platform ${said}, its configuration says ${found}`,
      {
        subject: digest,
        remedy: 'Publish the index again with the platforms of its images.',
      },
    )
  }
  const { log, threads } = context.ports
  return withOpener(store, image, keys, context, (open) => describeImage(store, image, { open, log, threads }))
}
