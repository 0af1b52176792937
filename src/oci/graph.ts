import { VerificationError } from '../base/errors.ts'
import { inOrder } from '../base/in-order.ts'
import { fallbackTag, isCosignTag } from './digest.ts'
import { lookAhead } from './look-ahead.ts'
import { isIndex, isManifestType } from './manifest.ts'
import { referrerOf } from './referrers.ts'
import type { Descriptor, Digest, Index, Manifest, Platform, Store, StoredManifest } from './types.ts'

/** How a manifest belongs to the one above it: a member of an index, a referrer, or under a tag that names it (`sha256-HEX.sig`). */
export type Relation = 'root' | 'child' | 'referrer' | 'tagged'

/** One manifest of the graph around an image. */
export interface GraphNode {
  /** Artifact type and annotations are those of the manifest itself: listings of registries may lie. */
  readonly descriptor: Descriptor
  readonly content: Manifest | Index
  readonly relation: Relation
  /** The manifest that this one hangs on; null for the root. */
  readonly parent: Digest | null
  /** 0 for the root. */
  readonly depth: number
  /** Tag of a `tagged` manifest. */
  readonly tag: string | null
  /** What the index says of a child. */
  readonly platform: Platform | null
  /** Whether it hangs on the image: false for the root, and for members of an index that is part of the image. Anybody may attach. */
  readonly attached: boolean
}

/** Something that is named and cannot be read. */
export interface GraphGap {
  readonly manifest: Digest
  readonly parent: Digest
  readonly error: VerificationError
}

/** Siblings that are looked at before their turn comes. */
const aheadOf = 8
const most = { depth: 8, nodes: 100_000 } as const

/**
 * Walks an image with all that is attached to it: children of indexes, referrers of everything (also of children and of referrers), and the
 * manifests under cosign's tags. Each manifest once, each before what hangs on it; children and referrers in the order of the store. Members of
 * attached indexes come last: what refers to the image is shown as that, whoever puts an index around it.
 *
 * @param onGap told of what is named and is not there, cannot be read, or is attached beyond 8 levels or 100,000 manifests; the walk goes on
 * @throws VerificationError `missing-blob` for the root, `format-invalid` for an image of more than 8 levels or 100,000 manifests · TransportError
 */
export async function* walkGraph(
  store: Store,
  root: Digest,
  onGap: (gap: GraphGap) => void,
): AsyncGenerator<GraphNode> {
  const seen = new Set<Digest>()
  const told = new Set<Digest>()
  const counts = { own: 0, attached: 0 }
  const later: (() => AsyncGenerator<GraphNode>)[] = []
  // A layout lists what is untagged without saying what it belongs to, so one gap shows beside several subjects.
  const gap = (one: GraphGap): void => {
    if (told.has(one.manifest)) return
    told.add(one.manifest)
    onGap(one)
  }
  const known = new Set(await store.tags())
  /** Of what is visited, and of what hangs on it and is looked at ahead. */
  const depths = new Map<Digest, number>()
  const ahead = lookAhead(store, known, (referrer, to) => soon(referrer, (depths.get(to) ?? most.depth) + 1))
  const tags = attachedTags(known)

  async function* visit(
    stored: StoredManifest,
    at: Omit<GraphNode, 'descriptor' | 'content'>,
  ): AsyncGenerator<GraphNode> {
    const { content } = stored
    const { digest } = stored.descriptor
    const { parent, attached } = at
    if (seen.has(digest)) return
    const count = (counts[attached ? 'attached' : 'own'] += 1)
    if (count > most.nodes || at.depth > most.depth) {
      const error = tooMuch(
        root,
        digest,
        at.depth > most.depth ? `${most.depth} levels` : `${most.nodes} manifests`,
        attached,
      )
      // Anybody may attach: only the image itself is refused for this.
      if (!attached || parent === null) throw error
      gap({ manifest: digest, parent, error })
      return
    }
    seen.add(digest)
    depths.set(digest, at.depth)
    yield { ...at, descriptor: referrerOf(stored.descriptor, content), content }
    const below = { parent: digest, depth: at.depth + 1, tag: null, platform: null, attached: true }
    if (isIndex(content)) {
      const children = (): AsyncGenerator<GraphNode> => members(content, digest, { ...below, attached })
      if (attached) later.push(children)
      else yield* children()
    }
    const onBroken = ({ manifest, error }: Omit<GraphGap, 'parent'>): void => gap({ manifest, parent: digest, error })
    const referrers = inOrder(ahead.read(digest, onBroken), aheadOf, async (referrer) => {
      soon(referrer, below.depth)
      return referrer
    })
    for await (const referrer of referrers) yield* visit(referrer, { ...below, relation: 'referrer' })
    for (const tag of tags.get(fallbackTag(digest)) ?? []) {
      const found = await store.resolve({ tag })
      const read = found === null ? null : orGap(await attempt(found.digest, below.depth), found.digest, digest)
      if (read !== null) yield* visit(read, { ...below, relation: 'tagged', tag })
    }
  }

  async function* members(
    index: Index,
    digest: Digest,
    at: Omit<GraphNode, 'descriptor' | 'content' | 'relation'>,
  ): AsyncGenerator<GraphNode> {
    const listed = index.manifests.filter(({ mediaType }) => isManifestType(mediaType))
    const children = inOrder(listed, aheadOf, async (child) => ({
      child,
      read: await attempt(child.digest, at.depth, child),
    }))
    for await (const { child, read } of children) {
      const stored = orGap(read, child.digest, digest)
      if (stored !== null) yield* visit(stored, { ...at, relation: 'child', platform: child.platform ?? null })
    }
  }

  const attempt = async (
    manifest: Digest,
    depth: number,
    named?: Descriptor,
  ): Promise<StoredManifest | VerificationError> => {
    try {
      const stored = await store.getManifest(manifest)
      const other = named === undefined ? null : otherThan(named, stored)
      if (other === null) soon(stored, depth)
      return other ?? stored
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      return error
    }
  }

  const orGap = (read: StoredManifest | VerificationError, manifest: Digest, parent: Digest): StoredManifest | null => {
    if (!(read instanceof VerificationError)) return read
    gap({ manifest, parent, error: read })
    return null
  }

  /** What hangs on a manifest that is visited soon is asked for now. */
  const soon = ({ descriptor: { digest } }: StoredManifest, depth: number): void => {
    if (seen.has(digest) || depth > most.depth) return
    depths.set(digest, depth)
    ahead.start(digest)
  }

  const top = { relation: 'root', parent: null, depth: 0, tag: null, platform: null, attached: false } as const
  try {
    yield* visit(await store.getManifest(root), top)
    for (let next = later.shift(); next !== undefined; next = later.shift()) yield* next()
  } finally {
    ahead.close()
  }
}

/** Readers choose by what the index says of a member: a manifest of another type or size is not that member. */
function otherThan({ digest, mediaType, size }: Descriptor, { descriptor }: StoredManifest): VerificationError | null {
  const remedy = 'Make the index again from its members.'
  if (size !== descriptor.size)
    return new VerificationError('digest-mismatch', `${digest} has ${descriptor.size} bytes, not ${size}`, {
      subject: digest,
      remedy,
    })
  if (mediaType === descriptor.mediaType) return null
  return new VerificationError(
    'format-invalid',
    `${digest} is listed as ${mediaType}, but is ${descriptor.mediaType}`,
    {
      subject: digest,
      remedy,
    },
  )
}

function tooMuch(root: Digest, subject: Digest, what: string, attached: boolean): VerificationError {
  return new VerificationError('format-invalid', `the graph of ${root} has more than ${what}`, {
    subject,
    remedy: attached ? 'Delete what does not belong to the image.' : 'Name one manifest by its digest.',
  })
}

/** Tags that name what they belong to, by the digest in them, as the fallback tag does; that itself is no such tag: it is a listing of referrers. */
function attachedTags(tags: ReadonlySet<string>): Map<string, string[]> {
  const found = new Map<string, string[]>()
  // Another tag on a signature must not hide the one that readers look for: each manifest is shown once.
  for (const tag of [...tags].toSorted((a, b) => Number(isCosignTag(b)) - Number(isCosignTag(a)))) {
    const subject = /^(sha(?:256|384|512)-[0-9a-f]{64})\.[\w.-]*$/.exec(tag)?.[1]
    if (subject !== undefined) found.set(subject, [...(found.get(subject) ?? []), tag])
  }
  return found
}
