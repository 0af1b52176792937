import { VerificationError } from '../base/errors.ts'
import { isLoopback } from '../base/loopback.ts'
import type { Ports } from '../base/ports.ts'
import { loadImage } from '../image/load.ts'
import { ambiguous, fits, formatPlatform, parsePlatform, runnableChildren, type Child } from '../image/platforms.ts'
import { isIndex } from '../oci/manifest.ts'
import { resolveImage } from '../oci/open.ts'
import { parseReference } from '../oci/reference.ts'
import type { Descriptor, Digest, Platform, Store } from '../oci/types.ts'
import { encryptedLayers } from './encryption.ts'
import { findSignatures } from './signatures.ts'
import type { ImageFacts } from './types.ts'

export interface GatherOptions {
  /** `os/architecture[/variant]` that readers run. */
  platform: string
  /** `HOST/NAME` under which readers will pull the image, where that is not where it lies now. */
  pullName: string | null
}

/**
 * Reads what readers look at: manifest or index, configuration, the layers' descriptors, and every signature. No layer is read.
 *
 * @throws InputError `not-found`, `reference-invalid`, `unsupported` (not a container image); VerificationError for a damaged document;
 *   TransportError
 */
export async function gatherImage(text: string, options: GatherOptions, ports: Ports): Promise<ImageFacts> {
  const { store, descriptor: named, reference } = await resolveImage(text, ports)
  const wanted = parsePlatform(options.platform)
  const { content } = await store.getManifest(named.digest)
  const children = isIndex(content) ? await runnableChildren(store, named.digest, content) : null
  const { chosen, twins } = children === null ? { chosen: named, twins: null } : choose(children, wanted, named.digest)
  const image = await loadImage(store, chosen.digest)
  const signatures = await findSignatures(store, named)
  const { layers, config } = image.manifest
  return {
    reference,
    registry: registryOf(options.pullName ?? text, ports),
    name: options.pullName ?? (store.kind === 'registry' ? store.identity : null),
    named,
    index: children,
    platform: wanted,
    image: { descriptor: image.descriptor, layers, config: image.config },
    ambiguous: twins,
    missing: await missingBlobs(store, [config, ...layers]),
    encrypted: encryptedLayers(layers),
    signatures,
    imageSignatures:
      image.descriptor.digest === named.digest ? signatures : await findSignatures(store, image.descriptor),
  }
}

/** The child that most readers take: the first one that fits. @throws VerificationError `index-unattested` where none does */
function choose(
  children: readonly Child[],
  wanted: Platform,
  digest: Digest,
): { chosen: Descriptor; twins: [string, string] | null } {
  const fitting = children.filter((child) => fits(child, wanted))
  const [first] = fitting
  if (first === undefined) {
    throw new VerificationError(
      'index-unattested',
      `the index ${digest} holds no image for ${formatPlatform(wanted)}`,
      {
        subject: digest,
        remedy: 'Give --platform of an image that it holds.',
      },
    )
  }
  const twins = ambiguous(fitting)
  return {
    chosen: first.descriptor,
    twins: twins === null ? null : [twins[0].descriptor.digest, twins[1].descriptor.digest],
  }
}

function registryOf(name: string, ports: Ports): ImageFacts['registry'] {
  const { host } = parseReference(name, ports.roots.cwd)
  return host === undefined ? null : { host, loopback: isLoopback(host) }
}

async function missingBlobs(store: Store, blobs: readonly Descriptor[]): Promise<Digest[]> {
  const missing = new Set<Digest>()
  for (const { digest } of blobs) if (!missing.has(digest) && !(await store.hasBlob(digest))) missing.add(digest)
  return [...missing]
}
