import type { Ports } from '../../base/ports.ts'
import { runnableChildren } from '../../image/platforms.ts'
import { isIndex } from '../../oci/manifest.ts'
import { resolveImage } from '../../oci/open.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'

/**
 * The manifests of an image that a status is about: itself, and of an index each manifest that a runtime could take from it. Whoever pulls a child by
 * its digest knows nothing of the index, so what is said of the index is said of each of them.
 *
 * @throws VerificationError `index-unattested`, `missing-blob`, `format-invalid` for an index that cannot be walked
 */
export async function statusTargets(store: Store, root: Digest): Promise<Descriptor[]> {
  const { descriptor, content } = await store.getManifest(root)
  if (!isIndex(content)) return [descriptor]
  const children = await runnableChildren(store, root, content)
  const inner = children.flatMap(({ via }) => via.slice(1))
  const found = new Map([[root, descriptor]])
  for (const digest of inner) if (!found.has(digest)) found.set(digest, (await store.getManifest(digest)).descriptor)
  for (const { descriptor: child } of children) if (!found.has(child.digest)) found.set(child.digest, child)
  return [...found.values()]
}

/** The same for a reference. @param only the named manifest alone @throws InputError `not-found`, `reference-invalid` */
export async function namedTargets(
  image: string,
  only: boolean,
  ports: Ports,
): Promise<{ store: Store; targets: Descriptor[] }> {
  const { store, descriptor } = await resolveImage(image, ports)
  return { store, targets: only ? [descriptor] : await statusTargets(store, descriptor.digest) }
}
