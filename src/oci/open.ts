import { InputError, InternalError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { layoutIdentity } from './identity.ts'
import { openLayout } from './layout.ts'
import { localIdentity, openLocal } from './local.ts'
import { onlyImage, tagsThere } from './only-image.ts'
import { formatReference, parseReference, storeName, tagIn } from './reference.ts'
import { openRegistry } from './registry.ts'
import { openRemoteLayout } from './remote-layout.ts'
import type { Descriptor, Reference, Store } from './types.ts'

/** The store that a reference lies in. Nothing is read, written or contacted yet. */
export function openStore(ref: Reference, ports: Ports): Store {
  if (ref.kind === 'layout' && ref.directory !== undefined) {
    const identity = layoutIdentity(ref.directory)
    return ports.remote === undefined
      ? openLayout(ref.directory, identity, ports)
      : openRemoteLayout(ref.directory, identity, ports.remote)
  }
  const { kind, local } = ref
  if (kind !== 'layout' && kind !== 'registry' && local !== undefined) {
    // A worker reads no file of the job and starts no program: its step does (TRUST §4).
    if (ports.remote === undefined) return openLocal(kind, local, ports)
    return openRemoteLayout(storeName(ref), localIdentity(kind, local), ports.remote)
  }
  if (ref.kind === 'registry' && ref.host !== undefined && ref.repository !== undefined) {
    return openRegistry(ref.host, ref.repository, ports)
  }
  throw new InternalError('a reference without a directory or repository', { subject: JSON.stringify(ref) })
}

export interface ResolvedImage {
  store: Store
  descriptor: Descriptor
  /** `oci:/abs/dir@DIGEST` or `host/name@DIGEST`: no tag, since a tag may move. */
  reference: string
  /** The tag it was found under, or null when it was named by digest alone. */
  tag: string | null
}

/**
 * Finds the image that a reference names. Without tag and digest it is the only tagged image of the store, where tags
 * of attached things (`sha256-<hex>`, `.sig`, `.att`, `.sbom`) do not count (INTERFACE §1). A digest wins over a tag.
 *
 * @param view what is read in place of the store that the reference lies in
 * @throws InputError `reference-invalid`, `not-found`, `input-invalid` (several images; the message lists their tags)
 */
export async function resolveImage(
  text: string,
  ports: Ports,
  view: (store: Store) => Store = (store) => store,
): Promise<ResolvedImage> {
  const ref = parseReference(text, ports.roots.cwd)
  const store = view(openStore(ref, ports))
  const { digest } = ref
  if (ref.tag === undefined && digest === undefined) {
    const { descriptor, tag } = await onlyImage(store, text)
    return { store, descriptor, reference: pinned(ref, descriptor), tag: tagIn(tag) }
  }
  const descriptor = await store.resolve(digest !== undefined ? { digest } : { tag: ref.tag ?? '' })
  if (descriptor === null) {
    throw new InputError('not-found', `${text} is not there`, {
      subject: text,
      remedy: `Check the name and the tag; ${store.name} was read.${digest === undefined ? await tagsThere(store) : ''}`,
    })
  }
  // Names in a docker archive or a layout of others hold more than a tag.
  return { store, descriptor, reference: pinned(ref, descriptor), tag: tagIn(ref.tag ?? null) }
}

function pinned(ref: Reference, { digest }: Descriptor): string {
  return formatReference({ ...ref, tag: undefined, digest })
}
