import { VerificationError } from '../../base/errors.ts'
import { inOrder } from '../../base/in-order.ts'
import { collect } from '../../base/streams.ts'
import { readBundle, type SealedBundle } from '../../bundle/read.ts'
import { walkGraph, type GraphGap, type GraphNode } from '../../oci/graph.ts'
import { artifactTypeOf, isIndex } from '../../oci/manifest.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import { findLimits, parseDocument, type SignedDocument } from '../../sign/documents.ts'
import { attestationPlaces, bundlePlace, findCosignSignatures, openStatement, type Place } from '../../sign/find.ts'
import { dateOf, statedTime } from '../graph/stated-time.ts'
import { contentOf, isSbomMedia, type Content, type ContentPlan } from './content.ts'
import { judgeLegacySignature, judgeSignature, judgeStatement, type Judged } from './judge.ts'
import type { QueryTrust } from './trust.ts'
import type { QueriedImage, QueryRow } from './types.ts'

/** What is read of each attached manifest. */
export interface RowPlan extends ContentPlan {
  readonly trust: QueryTrust
  readonly at: Date
  /** Whether manifests of an artifact type are wanted at all: of others no document is read. */
  readonly wants: (artifactType: string | null) => boolean
}

export interface ImageRows {
  readonly rows: readonly QueryRow[]
  /** What is named and cannot be read. */
  readonly gaps: readonly GraphGap[]
}

/** Attached manifests of one image that are read at a time. */
const parallel = 4
const createdAnnotation = 'org.opencontainers.image.created'

type Found = Omit<QueryRow, 'image' | 'subject' | 'manifest' | 'artifactType'>

/**
 * Reads everything that is attached to an image, its members, and what hangs on them, and judges each signature.
 *
 * @throws as `walkGraph`: a store that does not answer is never read as one that holds nothing
 */
export async function imageRows(store: Store, image: QueriedImage, plan: RowPlan): Promise<ImageRows> {
  const gaps: GraphGap[] = []
  const rows: QueryRow[] = []
  const walk = walkGraph(store, image.digest, (gap) => gaps.push(gap))
  const read = inOrder(walk, parallel, async (node): Promise<QueryRow[]> => {
    const { parent, relation, content, descriptor } = node
    const artifactType = artifactTypeOf(content) ?? null
    if (parent === null || (relation !== 'referrer' && relation !== 'tagged') || !plan.wants(artifactType)) return []
    const common = { image, subject: parent, manifest: descriptor.digest, artifactType }
    return (await foundIn(store, node, parent, plan)).map((found) => ({ ...common, ...found }))
  })
  for await (const found of read) rows.push(...found)
  return { rows, gaps }
}

async function foundIn(store: Store, node: GraphNode, parent: Digest, plan: RowPlan): Promise<Found[]> {
  const { content, descriptor, tag } = node
  if (tag?.endsWith('.sig') === true) return signaturesIn(store, parent, plan)
  if (tag?.endsWith('.att') === true) return attestationsIn(store, parent, plan)
  const made = dateOf(content.annotations?.[createdAnnotation])
  try {
    const place = bundlePlace({ content, descriptor, bytes: Buffer.alloc(0) })
    if (place !== null) return [await document(store, place, parent, made, plan)]
  } catch (error) {
    return [broken('statement', error, made)]
  }
  const none = { verdict: 'unverified', why: 'nothing is signed in it', signers: [], trusted: null } as const
  const layer = isIndex(content) ? undefined : content.layers.find(({ mediaType }) => isSbomMedia(mediaType))
  const inside = layer === undefined ? nothing : await bareSbom(store, layer, plan)
  return [row('artifact', null, none, made, inside)]
}

const nothing: Content = { packages: null, production: null, notes: [] }

async function bareSbom(store: Store, layer: Descriptor, plan: RowPlan): Promise<Content> {
  if (plan.package === null) return nothing
  try {
    return await contentOf(null, await bytesOf(store, layer), plan)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { ...nothing, notes: [`cannot be searched: ${error.message}`] }
  }
}

async function attestationsIn(store: Store, parent: Digest, plan: RowPlan): Promise<Found[]> {
  const rows: Found[] = []
  const places = await attestationPlaces(store, parent, ({ error }) => rows.push(broken('statement', error, null)))
  for (const place of places) rows.push(await document(store, place, parent, null, plan))
  return rows
}

async function signaturesIn(store: Store, parent: Digest, { trust, at }: RowPlan): Promise<Found[]> {
  const rows: Found[] = []
  const onBroken = ({ error }: { error: VerificationError }): void => void rows.push(broken('signature', error, null))
  for (const found of await findCosignSignatures(store, { digest: parent }, { onBroken }))
    rows.push(row('signature', null, judgeLegacySignature(found, parent, trust, at), null, nothing))
  return rows
}

async function document(store: Store, place: Place, parent: Digest, made: Date | null, plan: RowPlan): Promise<Found> {
  const { trust, at } = plan
  try {
    if (place.layer.size > findLimits.documentBytes)
      throw new VerificationError('format-invalid', `it has ${place.layer.size} bytes, over the limit`)
    const bytes = await bytesOf(store, place.layer)
    const read = signedIn(bytes, place.origin)
    if ('content' in read) return row('signature', null, judgeSignature(read, parent, trust, at), made, nothing)
    const { statement, predicateType } = openStatement({ ...place, ...read })
    const judged = judgeStatement(read, place, statement, parent, trust, at)
    const inside = await contentOf(statement, read.payload, plan)
    const lies = place.declaredType !== null && place.declaredType !== predicateType
    const notes = [...(lies ? [`the annotation says ${place.declaredType ?? ''}`] : []), ...inside.notes]
    return row('statement', predicateType, judged, statedTime(statement.predicate) ?? made, { ...inside, notes })
  } catch (error) {
    return broken('statement', error, made)
  }
}

/** A statement in its envelope, or a bundle over the manifest itself. */
function signedIn(bytes: Buffer, origin: Place['origin']): SignedDocument | SealedBundle {
  try {
    return parseDocument(bytes, origin)
  } catch (error) {
    if (!(error instanceof VerificationError) || origin === 'att') throw error
    const bundle = readBundle(bytes)
    if (bundle.content.kind === 'message') return bundle
    throw error
  }
}

/** Documents over 1 MiB take several times their size of memory, so they are read one after the other. */
let turn: Promise<unknown> = Promise.resolve()

async function bytesOf(store: Store, layer: Pick<Descriptor, 'digest' | 'size'>): Promise<Buffer> {
  const read = async (): Promise<Buffer> => collect(await store.openBlob(layer), layer.size, layer.digest)
  if (layer.size <= findLimits.smallBytes) return read()
  const mine = turn.then(read, read)
  turn = mine.catch(() => {})
  return mine
}

function row(kind: string, predicateType: string | null, judged: Judged, claimed: Date | null, inside: Content): Found {
  const { verdict, why, signers, trusted } = judged
  const time: QueryRow['time'] =
    trusted !== null ? { at: trusted, by: 'trusted' } : claimed === null ? null : { at: claimed, by: 'claimed' }
  return { kind, predicateType, verdict, why, signers, time, ...inside }
}

/** What cannot be read is a row: it may be the very statement that was asked for. */
function broken(kind: string, error: unknown, made: Date | null): Found {
  if (!(error instanceof VerificationError)) throw error
  const judged: Judged = { verdict: 'invalid', why: `cannot be read: ${error.message}`, signers: [], trusted: null }
  return row(kind, null, judged, made, nothing)
}
