import { InputError, InternalError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { isAttachedTag } from './digest.ts'
import { openLayout } from './layout.ts'
import { formatReference, parseReference } from './reference.ts'
import { openRegistry } from './registry.ts'
import { layoutIdentity } from './identity.ts'
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
 * @throws InputError `reference-invalid`, `not-found`, `input-invalid` (several images; the message lists their tags)
 */
export async function resolveImage(text: string, ports: Ports): Promise<ResolvedImage> {
  const ref = parseReference(text, ports.roots.cwd)
  const store = openStore(ref, ports)
  const tag = ref.tag ?? (ref.digest === undefined ? await onlyTag(store, text) : null)
  const descriptor = await store.resolve(ref.digest !== undefined ? { digest: ref.digest } : { tag: tag ?? '' })
  if (descriptor === null) {
    throw new InputError('not-found', `${text} is not there`, {
      subject: text,
      remedy: `Check the name and the tag; ${store.name} was read.${ref.digest === undefined ? await tagsThere(store) : ''}`,
    })
  }
  const reference = formatReference({ ...ref, tag: undefined, digest: descriptor.digest })
  return { store, descriptor, reference, tag }
}

const tagForm = /^\w[\w.-]{0,127}$/

/** What could have been meant; '' where the store does not say. What a registry calls a tag and is none is left out. */
async function tagsThere(store: Store): Promise<string> {
  const tags = (await store.tags().catch(() => [])).filter((tag) => tagForm.test(tag) && !isAttachedTag(tag))
  const more = tags.length > 10 ? ` and ${tags.length - 10} more` : ''
  return tags.length === 0 ? '' : ` Tags there: ${tags.slice(0, 10).join(', ')}${more}.`
}

async function onlyTag(store: Store, text: string): Promise<string> {
  const tags = (await store.tags()).filter((tag) => !isAttachedTag(tag))
  const [first] = tags
  if (first === undefined) {
    throw new InputError('not-found', `${store.name} holds no tagged image`, {
      subject: text,
      remedy:
        store.kind === 'layout'
          ? `Build or copy an image into it first. ko and Bazel write layouts without tags: name the image by the digest in index.json, ${store.name}@sha256:….`
          : 'Build or copy an image into it first.',
    })
  }
  if (tags.length > 1) {
    const shown = tags.slice(0, 20).join(', ')
    throw new InputError(
      'input-invalid',
      `${store.name} holds ${tags.length} tagged images: ${shown}${tags.length > 20 ? ', …' : ''}`,
      {
        subject: text,
        remedy: `Say which one, such as ${store.name}:${first}.`,
      },
    )
  }
  return first
}
