import { resolve } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { inOrder } from '../../base/in-order.ts'
import type { Ports } from '../../base/ports.ts'
import { isAttachedTag } from '../../oci/digest.ts'
import { openStore, resolveImage } from '../../oci/open.ts'
import { parseReference } from '../../oci/reference.ts'
import type { Digest, Reference, Store } from '../../oci/types.ts'
import { readRepositories } from '../receive/subscription/file.ts'
import type { CachedStore, QueryCache } from './cache.ts'
import type { QueriedImage } from './types.ts'

/** Tags that are looked up at a time. */
const parallel = 16

/** What a query looks at in one store. */
export interface QuerySource extends CachedStore {
  readonly images: readonly QueriedImage[]
}

/**
 * The images that texts name: `HOST/NAME:TAG` one image, `HOST/NAME` or `oci:DIR` all that have a tag there, `@FILE` one of these a line. An image
 * under several tags counts once.
 *
 * @param cache what stands between a store and its readers
 * @throws InputError `reference-invalid`, `file-missing`, `not-found` (also a repository without a tagged image that no list names); TransportError: an answer without a repository that does not answer is wrong
 */
export async function querySources(
  texts: readonly string[],
  ports: Ports,
  cache: Pick<QueryCache, 'around'>,
): Promise<QuerySource[]> {
  const lists = texts.map(async (text) =>
    text.startsWith('@') ? readRepositories(resolve(ports.roots.cwd, text.slice(1))) : [text],
  )
  const names = (await Promise.all(lists)).flat()
  const stores = new Map<string, CachedStore & { tags: Map<Digest, Set<string>> }>()
  for (const text of names) {
    const reference = parseReference(text, ports.roots.cwd)
    const opened = openStore(reference, ports)
    const known = stores.get(opened.name) ?? sourceOf(cache.around(opened))
    stores.set(opened.name, known)
    for (const [digest, tag] of await imagesOf(text, reference, known.store, ports, texts.includes(text))) {
      const tags = known.tags.get(digest) ?? new Set()
      known.tags.set(digest, tags)
      if (tag !== null) tags.add(tag)
    }
  }
  return [...stores.values()].map(({ tags, store, ...source }) => ({
    ...source,
    store,
    images: [...tags].map(([digest, names]) => ({ store: store.name, digest, tags: [...names] })),
  }))
}

async function imagesOf(
  text: string,
  { kind, tag, digest }: Reference,
  store: Store,
  ports: Ports,
  typed: boolean,
): Promise<[Digest, string | null][]> {
  if (kind !== 'registry' && kind !== 'layout') {
    const { descriptor, tag: name } = await resolveImage(text, ports)
    return [[descriptor.digest, name]]
  }
  const named = digest !== undefined || tag !== undefined
  const wanted = named ? [tag ?? null] : (await store.tags()).filter((one) => !isAttachedTag(one)).sort()
  const found: [Digest, string | null][] = []
  const look = inOrder(wanted, parallel, async (one) =>
    store.resolve(digest !== undefined ? { digest } : { tag: one ?? '' }).then((there) => [one, there] as const),
  )
  // An answer about a misspelt name would be "nothing fits". What a list names may be empty: `Answer.empty` has it.
  if (!named && wanted.length === 0 && typed)
    throw new InputError('not-found', `${store.name} has no tagged image`, {
      subject: 'image',
      remedy: 'Check the name. Name an image without a tag by its digest.',
    })
  for await (const [one, descriptor] of look) {
    if (descriptor !== null) found.push([descriptor.digest, one])
    // A tag that was just deleted is no image of the repository any more; one that the user typed has to be there.
    else if (named)
      throw new InputError('not-found', `${text} is not there`, {
        subject: text,
        remedy: `Check the name and the tag in \`image\`; ${store.name} was read.`,
      })
  }
  return found
}

/** Each walk asks for the tags: they are read once for all. */
function sourceOf({ store, ...rest }: CachedStore): CachedStore & { tags: Map<Digest, Set<string>> } {
  let tags: Promise<string[]> | null = null
  return { store: { ...store, tags: () => (tags ??= store.tags()) }, ...rest, tags: new Map() }
}
