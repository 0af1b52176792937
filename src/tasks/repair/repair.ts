import { VerificationError } from '../../base/errors.ts'
import { inOrder } from '../../base/in-order.ts'
import { artifactManifest, putArtifact } from '../../oci/artifact.ts'
import { putAllManifests } from '../../oci/copy-graph.ts'
import { walkGraph, type GraphNode } from '../../oci/graph.ts'
import { referrerOf } from '../../oci/referrers.ts'
import { sha256 } from '../../base/streams.ts'
import type { Descriptor, Digest, Store, StoredManifest } from '../../oci/types.ts'
import { bundleParts } from '../../sign/attach.ts'
import { speaksOf } from '../../statement/statement.ts'
import { correctListings, type Corrections } from './correct.ts'
import { hintsOfBlobs, hintsOfStatements, hintsOfTags, type Hints } from './hints.ts'

export interface RepairRequest {
  readonly store: Store
  readonly root: Digest
  /** What files and the command line name. */
  readonly hints: Hints
  /** Also looks at what the tags of the repository name. */
  readonly scan: boolean
  /** Takes entries out of the lists whose manifests are gone. */
  readonly dropMissing: boolean
  /** Replaces an image under a fallback tag, as `cosign copy` leaves it, by a list of referrers. */
  readonly replaceImage: boolean
  readonly dryRun: boolean
}

/** A manifest that is listed again. */
export interface Relisted {
  readonly manifest: Digest
  readonly subject: Digest
  readonly artifactType: string | null
}

export interface Repaired extends Corrections {
  readonly store: string
  /** Attached manifests that were listed before. */
  readonly listed: number
  /** Digests that were looked for. */
  readonly looked: number
  /** Not listed before; their manifests are there. */
  readonly added: readonly Relisted[]
  /** Put again from a bundle of `--from`, because the manifest was gone as well. */
  readonly restored: readonly Relisted[]
  readonly notes: readonly string[]
}

/** Manifests that are looked for at a time. */
const parallel = 4
/** Digests that are looked for: each is one request. */
const mostDigests = 10_000

/**
 * Lists what is attached to an image and not listed any more, because a writer replaced the fallback index or a retention rule deleted it. Whatever
 * names a manifest may be a hint; the manifest's own `subject` decides what it is attached to. Running it again does nothing.
 *
 * @throws VerificationError `missing-blob` for the image itself · TransportError
 */
export async function repair(request: RepairRequest): Promise<Repaired> {
  const { store, root, dryRun } = request
  const nodes: GraphNode[] = []
  for await (const node of walkGraph(store, root, () => {})) nodes.push(node)
  const hints = await allHints(request, nodes)
  const notes: string[] = []
  const there = new Set(nodes.map(({ descriptor }) => descriptor.digest))
  const wanted = [...hints.digests].filter((digest) => !there.has(digest)).sort()
  if (wanted.length > mostDigests)
    notes.push(`${wanted.length - mostDigests} digests were not looked for: ${mostDigests} are looked for at most`)
  const candidates = await readCandidates(store, wanted.slice(0, mostDigests))
  const subjects = new Map(nodes.map(({ descriptor }) => [descriptor.digest, descriptor]))
  const found = attachedTo(subjects, candidates)
  for (const { descriptor } of found) subjects.set(descriptor.digest, descriptor)
  const lost = lostBundles(hints, [...subjects.values()])
  if (!dryRun) {
    if (request.replaceImage)
      await replaceImages(store, [...found.flatMap(subjectOf), ...lost.map((one) => one.subject)])
    await putAllManifests(
      store,
      found.map(({ bytes, descriptor }) => ({ bytes, mediaType: descriptor.mediaType })),
    )
    for (const { parts } of lost) await putArtifact(store, parts)
  }
  const corrections = await correctListings(store, [...subjects.keys()], request)
  if (!dryRun) await store.settle?.()
  const known = new Set([...subjects.keys(), ...lost.map(({ digest }) => digest)])
  const strange = [...request.hints.digests].filter((digest) => !known.has(digest)).length
  if (strange > 0)
    notes.push(`${strange} digest(s) of --from name no manifest that is there and is attached to this image.`)
  if (store.kind === 'registry' && !request.scan)
    notes.push(
      'A registry has no list of its manifests: what neither a tag nor a file names is not found. --scan reads the tags.',
    )
  return {
    store: store.name,
    listed: nodes.filter(({ relation }) => relation === 'referrer').length,
    looked: Math.min(wanted.length, mostDigests),
    added: found.map(relisted),
    restored: lost.map(({ digest, subject, parts }) => ({
      manifest: digest,
      subject,
      artifactType: parts.artifactType,
    })),
    ...corrections,
    notes,
  }
}

async function allHints({ store, hints, scan }: RepairRequest, nodes: readonly GraphNode[]): Promise<Hints> {
  const all: Hints = { digests: new Set(hints.digests), bundles: hints.bundles }
  await hintsOfStatements(store, nodes, all)
  await hintsOfBlobs(store, all)
  if (scan) await hintsOfTags(store, all)
  return all
}

async function readCandidates(store: Store, digests: readonly Digest[]): Promise<StoredManifest[]> {
  const found: StoredManifest[] = []
  const read = async (digest: Digest): Promise<StoredManifest | null> => {
    try {
      return await store.getManifest(digest)
    } catch (error) {
      if (error instanceof VerificationError) return null
      throw error
    }
  }
  for await (const one of inOrder(digests, parallel, read)) if (one?.content.subject !== undefined) found.push(one)
  return found
}

/** Candidates that are about the image or what hangs on it, with those that hang on these in turn. */
function attachedTo(
  subjects: ReadonlyMap<Digest, Descriptor>,
  candidates: readonly StoredManifest[],
): StoredManifest[] {
  const known = new Set(subjects.keys())
  const found: StoredManifest[] = []
  let left = candidates
  for (;;) {
    const next = left.filter((one) => subjectOf(one).some((subject) => known.has(subject)))
    if (next.length === 0) return found
    found.push(...next)
    for (const { descriptor } of next) known.add(descriptor.digest)
    left = left.filter((one) => !next.includes(one))
  }
}

/** Bundles that a job kept and that no manifest of the store holds any more, as sign-attest attaches them. */
function lostBundles({ bundles }: Hints, subjects: readonly Descriptor[]) {
  const there = new Set(subjects.map(({ digest }) => digest))
  return bundles.flatMap(({ bytes, statement }) =>
    subjects
      .filter(({ digest }) => speaksOf(statement, digest))
      .map((subject) => {
        const parts = bundleParts(subject, bytes, statement.predicateType)
        return { parts, subject: subject.digest, digest: sha256(artifactManifest(parts)) }
      })
      .filter(({ digest }) => !there.has(digest)),
  )
}

async function replaceImages(store: Store, subjects: readonly Digest[]): Promise<void> {
  for (const subject of new Set(subjects)) {
    // An empty list takes the image's place; what is attached is added to it as always.
    const change = (entries: readonly Descriptor[]): readonly Descriptor[] => (entries.length === 0 ? [] : entries)
    await store.listing?.rewrite(subject, change, { replaceImage: true })
  }
}

function subjectOf({ content }: StoredManifest): Digest[] {
  return content.subject === undefined ? [] : [content.subject.digest]
}

function relisted({ descriptor, content }: StoredManifest): Relisted {
  const { artifactType } = referrerOf(descriptor, content)
  return {
    manifest: descriptor.digest,
    subject: content.subject?.digest ?? descriptor.digest,
    artifactType: artifactType ?? null,
  }
}
