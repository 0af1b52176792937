import { InputError } from '../base/errors.ts'
import { isAttachedTag } from './digest.ts'
import { isImageName, isTag } from './reference.ts'
import type { Descriptor, ListedImage, Store } from './types.ts'

/** An image and the tag that it was found under, or null. */
export interface FoundImage {
  readonly descriptor: Descriptor
  readonly tag: string | null
}

/**
 * The only tagged image of a store, where tags of attached things do not count (INTERFACE §1). In a store that may hold images without a tag, it is
 * the only one of those where none is tagged.
 *
 * @param text the reference, which errors name
 * @throws InputError `not-found`, `input-invalid` (several images; the message lists their tags)
 */
export async function onlyImage(store: Store, text: string): Promise<FoundImage> {
  if (store.images !== undefined) return onlyListed(await store.images(), store, text)
  const tags = (await store.tags()).filter((tag) => !isAttachedTag(tag))
  const [tag] = tags
  if (tag === undefined) throw noImage(store, text)
  if (tags.length > 1) throw several(store, tags, `:${tag}`, text)
  const descriptor = await store.resolve({ tag })
  if (descriptor !== null) return { descriptor, tag }
  throw new InputError('not-found', `${store.name}:${tag} is not there`, {
    subject: text,
    remedy: 'The tag was removed while it was read: try again.',
  })
}

function onlyListed(images: readonly ListedImage[], store: Store, text: string): FoundImage {
  const tagged = images.filter(({ name }) => name !== null)
  const fitting = tagged.length > 0 ? tagged : images
  const [first] = fitting
  if (first === undefined) throw noImage(store, text)
  if (fitting.every(({ descriptor }) => descriptor.digest === first.descriptor.digest)) return first
  const names = fitting.map(({ name, descriptor }) => name ?? descriptor.digest)
  throw several(store, names, first.name === null ? `@${first.descriptor.digest}` : `:${first.name}`, text)
}

function noImage({ name, kind }: Store, text: string): InputError {
  const remedy = 'Build or copy an image into it first.'
  const untagged = `ko and Bazel write layouts without tags: name the image by the digest in index.json, ${name}@sha256:….`
  return new InputError('not-found', `${name} holds no tagged image`, {
    subject: text,
    remedy: kind === 'layout' ? `${remedy} ${untagged}` : remedy,
  })
}

function several({ name }: Store, names: readonly string[], example: string, text: string): InputError {
  const shown = names.slice(0, 20).join(', ')
  return new InputError(
    'input-invalid',
    `${name} holds ${names.length} tagged images: ${shown}${names.length > 20 ? ', …' : ''}`,
    { subject: text, remedy: `Say which one, such as ${name}${example}.` },
  )
}

/** What could have been meant; '' where the store does not say. What a registry calls a tag and is none is left out. */
export async function tagsThere(store: Store): Promise<string> {
  const tags = (await store.tags().catch(() => [])).filter(
    (tag) => (isTag(tag) || isImageName(tag)) && !isAttachedTag(tag),
  )
  const more = tags.length > 10 ? ` and ${tags.length - 10} more` : ''
  return tags.length === 0 ? '' : ` Tags there: ${tags.slice(0, 10).join(', ')}${more}.`
}
