import { InputError, VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { loadImage } from '../image/load.ts'
import { ambiguous, fits, parsePlatform, platformInWords, runnableChildren, type Child } from '../image/platforms.ts'
import { isIndex } from '../oci/manifest.ts'
import { resolveImage } from '../oci/open.ts'
import type { Descriptor, Digest, Index, Manifest, Platform, Store } from '../oci/types.ts'
import type { Subject } from './candidate.ts'
import { withoutDigest } from '../oci/reference.ts'

/** What a reference names, and the manifests in it that are to be judged. */
export interface Named {
  store: Store
  /** `…@DIGEST` of what was named. */
  reference: string
  digest: Digest
  /** Tag that was asked for; null where a digest was. */
  tag: string | null
  children: readonly Child[]
  /** Platform that was asked for, or null. */
  wanted: Platform | null
  /** An index was named as a whole: every child has to pass. */
  whole: boolean
  /** All manifests that a runtime could take from the index. */
  siblings: readonly Digest[]
  /** Why no manifest of the index can be judged, or null. */
  refusal: VerificationError | null
}

/**
 * Finds the manifests that a reference stands for.
 *
 * @param view what is read in place of the store that the reference lies in
 * @throws InputError `reference-invalid`, `not-found` (no such image, or no such platform in it)
 */
export async function resolveNamed(
  text: string,
  platform: string | undefined,
  ports: Ports,
  view?: (store: Store) => Store,
): Promise<Named> {
  const wanted = platform === undefined ? null : parsePlatform(platform)
  const { store, descriptor, reference, tag } = await resolveImage(text, ports, view)
  const named = { store, reference, digest: descriptor.digest, tag, wanted, whole: false, siblings: [], refusal: null }
  const single = (one: Descriptor): Named => ({ ...named, children: [{ descriptor: one, platform: null, via: [] }] })
  const content = await contentOf(store, descriptor.digest)
  if (content === null || !isIndex(content)) return single(descriptor)
  try {
    const all = await runnableChildren(store, descriptor.digest, content)
    const children = once(wanted === null ? all : all.filter((child) => fits(child, wanted)))
    const siblings = once(all).map((child) => child.descriptor.digest)
    const found = { ...named, children, siblings, whole: wanted === null }
    const pair = ambiguous(wanted === null ? all : children.map((child) => ({ ...child, platform: null })))
    if (pair !== null) return { ...found, refusal: twoOfOne(descriptor.digest, pair) }
    if (children.length > 0) return found
    if (wanted === null) return { ...found, refusal: nothingRuns(descriptor.digest) }
    throw new InputError('not-found', `the index ${descriptor.digest} holds no image for ${platform ?? ''}`, {
      subject: descriptor.digest,
      remedy: `Platforms there: ${[...new Set(all.map(platformInWords))].join(', ') || 'none'}.`,
    })
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { ...named, children: [], whole: true, refusal: error }
  }
}

/** Null where the manifest cannot be read: the steps then say why. */
async function contentOf(store: Store, digest: Digest): Promise<Manifest | Index | null> {
  try {
    return (await store.getManifest(digest)).content
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}

/** A manifest that stands in an index twice is judged once. */
function once(children: readonly Child[]): Child[] {
  const found = new Map<Digest, Child>()
  for (const child of children) if (!found.has(child.descriptor.digest)) found.set(child.descriptor.digest, child)
  return [...found.values()]
}

/** Reads one of the manifests; what cannot be read is the subject's `error`. */
export async function openSubject(named: Named, { descriptor, via }: Child): Promise<Subject> {
  const { store } = named
  const reference = `${withoutDigest(named.reference)}@${descriptor.digest}`
  const siblings = via.length === 0 ? [descriptor.digest] : named.siblings
  const base = { store, reference, via, siblings, wanted: named.wanted }
  try {
    const image = await loadImage(store, descriptor.digest)
    // An index that the listing calls a manifest is no manifest that could be judged.
    if (image.descriptor.digest === descriptor.digest)
      return { ...base, descriptor: image.descriptor, image, error: null }
    throw new VerificationError('index-unattested', `${descriptor.digest} is listed as a manifest and is an index`, {
      subject: descriptor.digest,
    })
  } catch (error) {
    const known = via.length > 0 && error instanceof InputError ? asRefusal(error, descriptor.digest) : error
    if (!(known instanceof VerificationError)) throw known
    return { ...base, descriptor, image: null, error: known }
  }
}

/** A child that is not a container image is nobody's wrong use: the index that lists it is refused. */
function asRefusal(error: InputError, subject: Digest): VerificationError {
  return new VerificationError('index-unattested', error.message, { subject, cause: error })
}

function twoOfOne(digest: Digest, [one, other]: readonly [Child, Child]): VerificationError {
  const told = [one, other].map((child) => `${child.descriptor.digest} (${platformInWords(child)})`).join(' and ')
  return new VerificationError(
    'index-unattested',
    `the index ${digest} holds two manifests for one platform: ${told}. Which of them runs depends on the runtime`,
    { subject: digest, remedy: 'Name one manifest by its digest.' },
  )
}

function nothingRuns(digest: Digest): VerificationError {
  return new VerificationError('index-unattested', `the index ${digest} holds no manifest that a runtime could take`, {
    subject: digest,
    remedy: 'Name the manifest of a container image.',
  })
}
